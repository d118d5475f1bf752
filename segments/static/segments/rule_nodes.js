// The tree on the page: groups as lists, conditions as rows, and what can be done with each.
import { button, el, icon, select } from "./rule_dom.js";
import { Form } from "./rule_fields.js";
import { Group, Leaf } from "./rule_tree.js";

// `ctx` has language, texts, change, act(name, node), suggest; `events` inside a `where`.
export function drawTree(root, ctx, { events = null, remove = null } = {}) {
  const around = { ...ctx, events };
  const node = drawGroup(root, around, { top: true, remove });
  node.classList.add("rb-tree");
  return node;
}

function drawGroup(group, ctx, { top = false, position = "", remove = null } = {}) {
  const { texts: t } = ctx;
  const label = top && !ctx.events ? t.rule : `${t.group} ${position}`.trim();
  const head = el("div", { class: "rb-line" },
    !top && handle(group, ctx, label),
    el("div", { class: "rb-fields" },
      not(group, ctx),
      select({
        options: [{ value: "all", label: t.all }, { value: "any", label: t.any }], value: group.key, label: t.match,
        key: `${group.id}:match`, onchange: (value) => ctx.change(() => { group.key = value; }, { redraw: true }),
      })),
    top && remove && removal(group, ctx, () => ctx.change(remove, { redraw: true, say: t.removed })),
    !top && menu(group, ctx),
    !top && removal(group, ctx));
  const items = group.children.map((child, at) => drawNode(child, ctx, `${at + 1}`, group));
  const list = el("ol", { class: "rb-list", "data-children": group.id }, items);
  const empty = !items.length && el("p", { class: "rb-empty ui-muted" }, group.key === "all" ? t.empty_all : t.empty_any);
  const foot = el("div", { class: "rb-foot" },
    button(t.add_condition, () => ctx.act("add", group), { symbol: "add", key: `${group.id}:add` }),
    button(t.add_group, () => ctx.act("addGroup", group), { symbol: "add", key: `${group.id}:addGroup` }),
    !ctx.events && button(t.paste, () => ctx.act("pasteInto", group), { symbol: "content_paste", key: `${group.id}:paste` }));
  const body = [head, share(), problems(group), list, empty, foot];
  const attributes = { class: "rb-node rb-group", "data-node": group.id };
  return top ? el("div", { ...attributes, role: "group", "aria-label": label }, body) : el("li", attributes, body);
}

function drawNode(node, ctx, position) {
  if (node instanceof Group) return drawGroup(node, ctx, { position });
  const label = `${ctx.texts.condition} ${position}`;
  const { fields, blocks } = new Form(node, ctx, ctx.events).draw();
  return el("li", { class: node.draft ? "rb-node rb-leaf rb-draft" : "rb-node rb-leaf", "data-node": node.id },
    el("div", { class: "rb-line" },
      handle(node, ctx, label),
      el("div", { class: "rb-fields", role: "group", "aria-label": label }, not(node, ctx), fields),
      menu(node, ctx), removal(node, ctx)),
    node.draft && el("p", { class: "ui-help" }, ctx.texts.draft),
    problems(node), blocks, share());
}

const problems = (node) => el("ul", { class: "errorlist rb-problems", id: `${node.id}-problems`, "data-problems": node.id, hidden: true });
const share = () => el("p", { class: "rb-share ui-muted", "data-share": true });

function not(node, ctx) {
  return el("button", {
    type: "button", class: "rb-not", "aria-pressed": String(node.nots % 2 === 1), "data-key": `${node.id}:not`, title: ctx.texts.not_title,
    onclick: () => ctx.act("not", node),
  }, ctx.texts.not);
}

function handle(node, ctx, label) {
  return el("button", {
    type: "button", class: "rb-handle", "data-handle": node.id, "data-key": `${node.id}:handle`,
    "aria-label": `${label}: ${ctx.texts.handle}`, title: ctx.texts.handle,
  }, icon("drag_indicator"));
}

const removal = (node, ctx, onclick = () => ctx.act("remove", node)) => el("button", {
  type: "button", class: "rb-handle", "data-key": `${node.id}:remove`, "aria-label": ctx.texts.remove, title: ctx.texts.remove, onclick,
}, icon("close"));

const ACTIONS = [["up", "arrow_upward"], ["down", "arrow_downward"], ["out", "format_indent_decrease"], ["into", "format_indent_increase"],
  ["wrap", "data_object"], ["duplicate", "content_copy"], ["copy", "file_copy"], ["cut", "content_cut"], ["pasteAfter", "content_paste"]];

function menu(node, ctx) {
  const items = ACTIONS.map(([name, symbol]) => button(ctx.texts[`act_${name}`], () => ctx.act(name, node), { symbol, class: "rb-item" }));
  return el("details", { class: "rb-menu" }, el("summary", { "data-key": `${node.id}:menu` }, ctx.texts.actions), el("div", { class: "rb-items" }, items));
}

// --- what the server said, put beside what it is about

export function showShares(box, spots, parts, texts) {
  const byPath = new Map(parts.map((part) => [part.path === "rule" ? "" : part.path, part]));
  for (const spot of spots.values()) {
    const cell = box.querySelector(`[data-node="${spot.node.id}"] > [data-share]`);
    if (!cell) continue;
    const part = spot.node.draft || spot.node.hidden ? null : byPath.get(spot.path);
    cell.textContent = part ? texts.lets_through.replace("{count}", part.alone) : "";
    cell.title = part && part.together !== null && spot.index > 0 ? texts.together.replace("{count}", part.together) : "";
    if (cell.title) cell.append(el("span", { class: "rb-together" }, ` → ${part.together}`, el("span", { class: "ui-hidden" }, ` ${texts.after_above}`)));
  }
}

export function showProblems(box, found) {
  for (const list of box.querySelectorAll("[data-problems]")) { list.replaceChildren(); list.hidden = true; }
  for (const field of box.querySelectorAll("[data-field][aria-invalid]")) { field.removeAttribute("aria-invalid"); field.removeAttribute("aria-describedby"); }
  for (const { node, rest, message } of found) {
    const list = box.querySelector(`[data-problems="${node.id}"]`);
    if (!list) continue;
    list.hidden = false;
    list.append(el("li", {}, message));
    const field = fieldOf(box.querySelector(`[data-node="${node.id}"]`), rest, node);
    if (field) { field.setAttribute("aria-invalid", "true"); field.setAttribute("aria-describedby", list.id); }
  }
}

// The field that a path inside a condition names, or the nearest around it: `window.days`, `window`.
function fieldOf(item, rest, node) {
  if (!item || !(node instanceof Leaf)) return null;
  const fields = [...item.querySelectorAll("[data-field]")].filter((field) => field.closest("[data-node]") === item);
  for (let path = rest; path; path = path.replace(/(\.[^.[]*|\[[^[]*\]|^[^.[]*)$/, "")) {
    const found = fields.find((field) => field.dataset.field === path);
    if (found) return found;
  }
  return null;
}
