// Small pieces of the page that the rule builder is made of.

// el("button", { type: "button", onclick: … }, "text", node): null and false are left out.
export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "value") node.value = value;
    else if (name === "checked") node.checked = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const icon = (name) => el("span", { class: "material-symbols-outlined md-18", "aria-hidden": "true" }, name);

export const button = (label, onclick, { symbol, key, ...more } = {}) =>
  el("button", { type: "button", class: "rb-button", "data-key": key, onclick, ...more }, symbol && icon(symbol), label);

// A list to choose from. A value that is not among the options is kept and shown as it is.
export function select({ options, value, label, key, field, empty, onchange }) {
  const known = options.some((option) => same(option.value, value));
  const rows = options.map((option) => el("option", { value: String(option.value), selected: same(option.value, value) }, option.label));
  if (empty !== undefined) rows.unshift(el("option", { value: "", selected: value === undefined || value === "" }, empty));
  if (!known && value !== undefined && value !== "") {
    rows.push(el("option", { value: String(value), selected: true }, typeof value === "object" ? JSON.stringify(value) : String(value)));
  } else if (!known && empty === undefined) {
    rows.unshift(el("option", { value: "", selected: true }, "…"));
  }
  const node = el("select", { class: "rb-input", "aria-label": label, "data-key": key, "data-field": field }, rows);
  node.addEventListener("change", () => {
    const chosen = options.find((option) => String(option.value) === node.value);
    onchange(chosen ? chosen.value : node.value === "" ? undefined : node.value);
  });
  return node;
}

export const same = (one, other) => one === other || (other !== undefined && other !== null && String(one) === String(other));

export function input({ value, label, key, field, type = "text", mode, onchange, wide = false, ...more }) {
  const node = el("input", {
    type, class: wide ? "rb-input rb-wide" : "rb-input", "aria-label": label, "data-key": key, "data-field": field,
    inputmode: mode, autocomplete: "off", value: value ?? "", ...more,
  });
  node.addEventListener("input", () => onchange(node.value));
  return node;
}

// What is typed as JSON number becomes one, with every digit; all else stays text, and the server says so.
export function numberFrom(text) {
  const trimmed = text.trim();
  if (!/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(trimmed)) return trimmed;
  return trimmed.replace(/\D/g, "").length > 15 && JSON.rawJSON ? JSON.rawJSON(trimmed) : Number(trimmed);
}

export const shown = (value) => (JSON.isRawJSON?.(value) ? value.rawJSON
  : typeof value === "object" && value !== null ? JSON.stringify(value) : value ?? "");

let boxes = 0;

// A field with suggestions (the combobox pattern of ARIA). `load(text, page)` → {options, more}; with `free` any text
// may stand there, otherwise only what was suggested. `commit` gets the value.
export function combobox({ value, label, key, field, load, commit, free, texts, clears = false }) {
  const id = `rb-box-${++boxes}`;
  const list = el("ul", { id, role: "listbox", class: "rb-options", "aria-label": label, hidden: true });
  const box = el("input", {
    type: "text", role: "combobox", class: "rb-input rb-wide", "aria-label": label, "aria-autocomplete": "list",
    "aria-expanded": "false", "aria-controls": id, autocomplete: "off", "data-key": key, "data-field": field,
    value: shown(value), placeholder: free ? null : texts.search,
  });
  let options = [];
  let active = -1;
  let turn = 0;
  let pause;
  let settled = box.value;
  const open = () => !list.hidden;
  const close = () => { list.hidden = true; active = -1; turn += 1; clearTimeout(pause); box.setAttribute("aria-expanded", "false"); box.removeAttribute("aria-activedescendant"); };
  const point = (at) => {
    active = at;
    [...list.children].forEach((row, index) => row.setAttribute("aria-selected", index === at));
    if (at >= 0) { box.setAttribute("aria-activedescendant", list.children[at].id); list.children[at].scrollIntoView({ block: "nearest" }); }
  };
  const draw = (more, page, text) => {
    list.replaceChildren(...options.map((option, at) => el("li", { role: "option", id: `${id}-${at}`, "aria-selected": "false", onpointerdown: (event) => { event.preventDefault(); pick(option); } }, option.label)));
    if (more) list.append(el("li", { role: "option", id: `${id}-more`, "aria-selected": "false", class: "rb-more", onpointerdown: (event) => { event.preventDefault(); ask(text, page + 1); } }, texts.more));
    list.hidden = !list.children.length;
    box.setAttribute("aria-expanded", String(!list.hidden));
    next = more ? () => ask(text, page + 1) : null;
  };
  let next = null;
  const ask = async (text, page = 0) => {
    const mine = ++turn;
    const found = await load(text, page).catch(() => ({ options: [], more: false }));
    if (mine !== turn || document.activeElement !== box) return;
    const from = page ? options.length : 0;
    options = page ? [...options, ...found.options] : found.options;
    draw(found.more, page, text);
    if (page) point(Math.min(from, options.length - 1));
  };
  const pick = (option) => {
    close();
    box.value = clears ? "" : free ? option.value : option.label;
    settled = box.value;
    commit(option.value, option);
  };
  const take = () => {
    if (box.value === settled) return;
    if (free) { settled = clears ? "" : box.value; const text = box.value; if (clears) box.value = ""; if (text || !clears) commit(text); return; }
    const match = options.find((option) => option.label === box.value || String(option.value) === box.value);
    if (match) pick(match); else box.value = settled;
  };
  box.addEventListener("input", () => { if (free && !clears) { settled = box.value; commit(box.value); } clearTimeout(pause); pause = setTimeout(ask, 150, box.value); });
  box.addEventListener("keydown", (event) => {
    const rows = list.children.length;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!open()) ask(box.value === settled ? "" : box.value).then(() => rows || (list.children.length && point(0)));
      else point((active + (event.key === "ArrowDown" ? 1 : -1) + rows) % rows);
    } else if (event.key === "Enter") {
      event.preventDefault(); // it would send the form
      if (open() && active >= 0) { if (active < options.length) pick(options[active]); else next?.(); } else { close(); take(); }
    } else if (event.key === "Escape" && open()) {
      event.stopPropagation();
      close();
    }
  });
  box.addEventListener("blur", () => { close(); take(); });
  box.addEventListener("click", () => { if (!open()) ask(""); });
  if (!free && value !== undefined && value !== "") {
    load(String(value), 0).then((found) => {
      const option = found.options.find((one) => same(one.value, value));
      if (option && box.value === String(value)) { box.value = option.label; settled = option.label; }
    }, () => {});
  }
  return el("span", { class: "rb-combo" }, box, list);
}
