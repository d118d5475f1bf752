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
