// The visual editor of a rule. It stands on a textarea of JSON, which stays in the page and keeps the truth: edits here
// are written there, edits there are read back. Without script, or without the server's description, the text remains.
import { draggable } from "./rule_drag.js";
import { drawTree, showProblems, showShares } from "./rule_nodes.js";
import { previewOf } from "./rule_preview.js";
import { Group, Leaf, blamed, copy, moves, place, places, read, readPart, write, writePart } from "./rule_tree.js";

const HISTORY = 200;
const SAME_TYPING = 1500; // ms in which changes of one field are one step back

const text = document.querySelector("[data-rule]");
const box = document.querySelector("[data-rule-builder]");
const aside = document.querySelector("[data-rule-preview]");

async function start() {
  const answer = await fetch(box.dataset.ruleBuilder);
  if (!answer.ok) throw new Error(answer.statusText);
  const language = await answer.json();
  new Builder(language).open();
}

class Builder {
  constructor(language) {
    this.language = language;
    this.texts = language.texts;
    this.root = new Group("all");
    this.past = [];
    this.future = [];
    this.clip = "";
    this.answered = {};
    this.ctx = {
      language, texts: this.texts, act: (name, node) => this.act(name, node), change: (mutate, how) => this.change(mutate, how),
      suggest: (query) => this.suggest(query), tree: (group, how) => drawTree(group, this.ctx, how),
    };
    this.canvas = box.querySelector("[data-rule-canvas]");
    this.live = box.querySelector("[data-rule-live]");
    this.preview = previewOf(aside, this.texts, (found) => { this.answered = found; this.showAnswer(); });
  }

  open() {
    try { this.root = read(text.value); } catch { /* the server says what is wrong with the text */ }
    box.hidden = false;
    text.closest("details").open = false;
    this.draw();
    this.preview(text.value, { now: true });
    text.addEventListener("input", () => this.readText());
    box.addEventListener("keydown", (event) => this.onKey(event));
    for (const kind of ["copy", "cut", "paste"]) box.addEventListener(kind, (event) => this.onClipboard(event, kind));
    box.querySelector("[data-rule-undo]").addEventListener("click", () => this.back(this.past, this.future, this.texts.undone));
    box.querySelector("[data-rule-redo]").addEventListener("click", () => this.back(this.future, this.past, this.texts.redone));
    draggable(this.canvas, () => places(this.root), (node, group, at) => this.change(() => place(this.root, node, group, at), { redraw: true, focus: `${node.id}:handle`, say: this.texts.moved }));
    for (const one of document.querySelectorAll("[data-rule-example]")) {
      one.addEventListener("click", () => {
        this.change(() => { this.root = read(one.dataset.ruleExample); }, { redraw: true, say: this.texts.template_taken });
        this.canvas.querySelector("[data-key]")?.focus();
      });
    }
    this.canvas.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && event.target.matches("input")) event.preventDefault(); // it would send the form
    });
    document.addEventListener("click", (event) => {
      for (const menu of this.canvas.querySelectorAll(".rb-menu[open]")) if (!menu.contains(event.target)) menu.open = false;
    });
  }

  async suggest(query) {
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) for (const one of [value].flat()) search.append(name, one ?? "");
    const answer = await fetch(`${box.dataset.suggestions}?${search}`);
    if (!answer.ok) throw new Error(answer.statusText);
    return answer.json();
  }

  // --- changes

  change(mutate, { redraw = false, key = null, focus = null, say = "" } = {}) {
    const before = copy(this.root);
    if (mutate() === false) return false;
    const now = Date.now();
    const typing = key && this.typed?.key === key && now - this.typed.at < SAME_TYPING;
    if (!typing) { this.past.push(before); this.past.splice(0, this.past.length - HISTORY); }
    this.typed = key ? { key, at: now } : null;
    this.future.length = 0;
    this.settle({ redraw, focus, say });
    return true;
  }

  back(from, to, say) {
    const state = from.pop();
    if (!state) return this.say(this.texts.nothing_to_undo);
    to.push(copy(this.root));
    this.root = state;
    this.typed = null;
    this.settle({ redraw: true, say });
  }

  settle({ redraw, focus, say }) {
    text.value = write(this.root);
    if (redraw) this.draw(focus); else this.showHistory();
    if (say) this.say(say);
    this.preview(text.value);
  }

  readText() {
    try {
      const root = read(text.value);
      this.past.push(copy(this.root));
      this.future.length = 0;
      this.root = root;
      this.draw();
    } catch { /* half a text is no rule yet; the server says so */ }
    this.preview(text.value);
  }

  say(message) { this.live.textContent = ""; requestAnimationFrame(() => { this.live.textContent = message; }); }

  // --- drawing

  draw(focus = null) {
    const active = document.activeElement;
    const held = focus ?? (this.canvas.contains(active) ? active.dataset.key : null);
    this.canvas.replaceChildren(drawTree(this.root, this.ctx));
    this.showHistory();
    this.showAnswer();
    const target = held && this.canvas.querySelector(`[data-key="${CSS.escape(held)}"]`);
    if (target) target.focus();
    else if (held) this.canvas.querySelector("[data-key]").focus();
  }

  showHistory() {
    box.querySelector("[data-rule-undo]").setAttribute("aria-disabled", String(!this.past.length));
    box.querySelector("[data-rule-redo]").setAttribute("aria-disabled", String(!this.future.length));
  }

  showAnswer() {
    const spots = places(this.root);
    const found = (this.answered.problems ?? []).map((one) => ({ ...blamed(spots, one.path), message: one.message })).filter((one) => one.node);
    showProblems(this.canvas, found);
    if (!this.answered.problems) showShares(this.canvas, spots, this.answered.parts ?? [], this.texts);
    else showShares(this.canvas, spots, [], this.texts);
    text.setAttribute("aria-invalid", String(Boolean(this.answered.problems)));
  }

  // --- what can be done with a condition or group

  act(name, node) {
    const spots = places(this.root);
    const spot = spots.get(node.id);
    const { texts: t } = this;
    const done = { redraw: true, focus: `${node.id}:handle` };
    if (name in moves) {
      const moved = this.change(() => moves[name](this.root, node), { ...done, say: "" });
      return this.say(moved ? `${t.moved} ${this.whereIs(node)}` : t.not_moved);
    }
    const insert = (part, group, at, say) => this.change(() => { group.children.splice(at, 0, part); }, { redraw: true, focus: part instanceof Leaf ? `${part.id}:${part.draft ? "fact" : "handle"}` : `${part.id}:match`, say });
    switch (name) {
      case "add": {
        const inWhere = this.insideWhere(spot);
        const leaf = new Leaf(inWhere ? { prop: this.language.amount, op: "gte", value: 1 } : {});
        this.change(() => { node.children.push(leaf); }, { redraw: true, focus: `${leaf.id}:${inWhere ? "prop" : "fact"}`, say: t.added });
        break;
      }
      case "addGroup": insert(new Group(node.key === "all" ? "any" : "all"), node, node.children.length, t.added); break;
      case "not": this.change(() => { node.nots = node.nots ? node.nots - 1 : 1; }, { redraw: true, say: node.nots ? t.not_on : t.not_off }); this.say(node.nots ? t.not_on : t.not_off); break;
      case "duplicate": insert(copy(node, true), spot.parent, spot.index + 1, t.duplicated); break;
      case "remove": case "cut": {
        if (name === "cut") this.keep(node);
        const next = spot.parent.children[spot.index + 1] ?? spot.parent.children[spot.index - 1];
        this.change(() => { spot.parent.children.splice(spot.index, 1); }, { redraw: true, focus: next ? `${next.id}:handle` : `${spot.parent.id}:add`, say: t.removed });
        break;
      }
      case "copy": this.keep(node); this.say(t.copied); this.canvas.querySelectorAll(".rb-menu[open]").forEach((menu) => { menu.open = false; }); break;
      case "pasteAfter": this.fromClipboard((part) => insert(part, spot.parent, spot.index + 1, t.pasted)); break;
      case "pasteInto": this.fromClipboard((part) => insert(part, node, node.children.length, t.pasted)); break;
    }
  }

  whereIs(node) {
    const { parent, index } = places(this.root).get(node.id);
    return this.texts.position.replace("{position}", index + 1).replace("{count}", parent.children.length);
  }

  insideWhere(spot) { return spot.top !== this.root; }

  // --- clipboard: JSON, so that parts travel between rules, workspaces and the API

  keep(node) {
    this.clip = writePart(node);
    navigator.clipboard?.writeText(this.clip).catch(() => {});
  }

  async fromClipboard(insert) {
    let found = this.clip;
    try { found = (await navigator.clipboard.readText()) || found; } catch { /* not allowed: what was copied here */ }
    this.paste(found, insert);
  }

  paste(json, insert) {
    try { insert(readPart(json)); } catch { this.say(this.texts.nothing_to_paste); }
  }

  onClipboard(event, kind) {
    if (event.target.closest("input, textarea, select")) return;
    const node = this.nodeOf(event.target);
    if (!node || !places(this.root).get(node.id).parent) return;
    event.preventDefault();
    if (kind === "paste") {
      const { parent, index } = places(this.root).get(node.id);
      this.paste(event.clipboardData.getData("text/plain") || this.clip, (part) => this.change(() => { parent.children.splice(index + 1, 0, part); }, { redraw: true, focus: `${part.id}:handle`, say: this.texts.pasted }));
    } else {
      event.clipboardData.setData("text/plain", writePart(node));
      this.act(kind, node);
    }
  }

  nodeOf(element) { return places(this.root).get(element.closest?.("[data-node]")?.dataset.node)?.node; }

  // --- keys

  onKey(event) {
    const typing = event.target.matches("input, textarea");
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !typing) {
      const key = event.key.toLowerCase();
      if (key === "z" && !event.shiftKey) { event.preventDefault(); return this.back(this.past, this.future, this.texts.undone); }
      if (key === "y" || (key === "z" && event.shiftKey)) { event.preventDefault(); return this.back(this.future, this.past, this.texts.redone); }
    }
    if (event.key === "Escape") {
      const menu = event.target.closest(".rb-menu[open]");
      if (menu) { menu.open = false; menu.querySelector("summary").focus(); }
    }
    if (!event.target.matches("[data-handle]") || event.ctrlKey || event.metaKey || event.altKey) return;
    const name = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "out", ArrowRight: "into", Delete: "remove", Backspace: "remove", d: "duplicate", n: "not", w: "wrap" }[event.key];
    if (!name) return;
    event.preventDefault();
    event.stopPropagation();
    this.act(name, this.nodeOf(event.target));
  }
}

if (text && box && aside) {
  start().catch(() => {
    // The text alone still works: count and problems follow it.
    const preview = previewOf(aside, { about: "{count}", of: "", margin: "± {margin}" }, () => {});
    text.addEventListener("input", () => preview(text.value));
    for (const one of document.querySelectorAll("[data-rule-example]")) one.addEventListener("click", () => { text.value = one.dataset.ruleExample; preview(text.value); });
    preview(text.value, { now: true });
  });
}
