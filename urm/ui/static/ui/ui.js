// What every admin page shares: keyboard, long jobs, confirmations. Loaded with `defer`.
(() => {
  // --- keyboard: "/" search, "g" and a letter to go, "?" the overview
  const typing = (target) => target.closest("input, textarea, select, [contenteditable]");
  const overview = document.getElementById("ui-shortcuts");
  let going = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (event.key === "/") {
      const field = document.querySelector("#searchbar, [data-ui-search]");
      if (field) { event.preventDefault(); field.focus(); field.select(); }
    } else if (event.key === "?" && overview) {
      event.preventDefault();
      overview.open ? overview.close() : overview.showModal();
    } else if (event.key === "g") {
      going = Date.now();
    } else if (Date.now() - going < 1500) {
      going = 0;
      const link = document.querySelector(`[data-ui-go="${CSS.escape(event.key)}"]`);
      if (link) location.assign(link.href);
    }
  });

  // --- <button data-ui-opens="dialog id">
  for (const button of document.querySelectorAll("[data-ui-opens]")) {
    button.addEventListener("click", () => document.getElementById(button.dataset.uiOpens).showModal());
  }

  // --- <button data-ui-copies="id of a field">
  for (const button of document.querySelectorAll("[data-ui-copies]")) {
    button.addEventListener("click", async () => {
      const field = document.getElementById(button.dataset.uiCopies);
      field.select();
      await navigator.clipboard?.writeText(field.value).catch(() => {});
      document.querySelector("[data-ui-copied]")?.removeAttribute("hidden");
    });
  }

  // --- <details data-ui-load="url of a fragment">: fetched when first opened
  for (const details of document.querySelectorAll("details[data-ui-load]")) {
    details.addEventListener("toggle", async () => {
      if (!details.open || details.dataset.uiDone) return;
      details.dataset.uiDone = "yes";
      const answer = await fetch(details.dataset.uiLoad);
      details.querySelector("[data-ui-loaded]").innerHTML = answer.ok ? await answer.text() : answer.statusText;
    });
  }

  // --- long jobs: poll until finished, slower and slower
  for (const box of document.querySelectorAll("[data-ui-progress]")) {
    const bar = box.querySelector("progress");
    const message = box.querySelector("[data-ui-progress-message]");
    const poll = async (wait) => {
      try {
        const state = await (await fetch(box.dataset.uiProgress, { headers: { Accept: "application/json" } })).json();
        if (state.total > 0) { bar.max = state.total; bar.value = state.done; }
        if (state.message) message.textContent = state.message;
        if (state.finished) {
          bar.value = bar.max;
          if (state.url) location.assign(state.url);
          return;
        }
      } catch { /* the next poll may get through */ }
      setTimeout(poll, wait, Math.min(wait * 1.5, 10000));
    };
    poll(500);
  }

  // --- tables that are wider than a phone: each row becomes a card, each cell says its column
  const words = (cell) => {
    const copy = cell.cloneNode(true);
    copy.querySelectorAll("[popover], button").forEach((one) => one.remove());
    return copy.textContent.trim();
  };
  const roles = [["tbody, thead", "rowgroup"], ["tr", "row"], ["thead th", "columnheader"],
    ["tbody th", "rowheader"], ["td", "cell"]];
  const phone = matchMedia("(max-width: 640px)");
  const stack = () => {
    for (const table of document.querySelectorAll(".ui-scroll > .ui-table")) {
      if (!table.tHead || !phone.matches || table.classList.contains("ui-stacked")) continue;
      const rows = [...table.tBodies[0].rows];
      const tall = table.tHead.rows[0].cells.length > 4 && rows.some((row) => row.offsetHeight > 72);
      if (!tall && table.scrollWidth <= table.parentElement.clientWidth + 1) continue;
      const labels = [...table.tHead.rows[0].cells].map(words);
      for (const row of rows)
        [...row.cells].forEach((cell, place) => { cell.dataset.label = labels[place] || ""; });
      table.setAttribute("role", "table"); // what "display: block" takes from a table
      for (const [which, role] of roles) table.querySelectorAll(which).forEach((one) => one.setAttribute("role", role));
      table.classList.add("ui-stacked");
    }
  };
  stack();
  phone.addEventListener("change", stack);
  document.addEventListener("toggle", stack, true);

  // --- lists: columns of figures stand at the right
  const list = document.getElementById("result_list");
  const figure = /^[+−-]?[¥$€£]?[\d,.]+ ?%?$/;
  if (list?.tHead) {
    const heads = list.tHead.rows[0].cells;
    const rows = [...list.querySelectorAll("tr.data-row")].map((row) => row.cells);
    for (let place = 1; place < heads.length; place++) {
      const cells = rows.map((row) => row[place]).filter(Boolean);
      const filled = cells.filter((cell) => !/^[–-]?$/.test(cell.textContent.trim()));
      if (!filled.length || !filled.every((cell) => figure.test(cell.textContent.trim()))) continue;
      [heads[place], ...cells].forEach((cell) => cell.classList.add("ui-number-column"));
    }
  }

  // --- <form data-ui-confirm="dialog id">: the dialog's submit button carries out what the form asks
  for (const form of document.querySelectorAll("form[data-ui-confirm]")) {
    const dialog = document.getElementById(form.dataset.uiConfirm);
    form.addEventListener("submit", (event) => {
      if (dialog.returnValue === "confirmed") return;
      event.preventDefault();
      dialog.showModal();
    });
    dialog.addEventListener("close", () => {
      if (dialog.returnValue === "confirmed") form.submit();
    });
  }
})();
