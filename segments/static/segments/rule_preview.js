// What the server says of the rule while it is written: how many, who, the reading, or what is wrong and where.
import { el } from "./rule_dom.js";

const PAUSE = 350; // ms after the last change

// `onanswer` gets {problems} or {parts}.
export function previewOf(box, texts, onanswer) {
  const part = (name) => box.querySelector(`[data-rule-${name}]`);
  const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
  let pause;
  let running = null;
  let asked = "";

  const show = (found) => {
    const wrong = found.problems ?? [];
    part("count").textContent = wrong.length ? "–" : found.margin === null ? found.count : texts.about.replace("{count}", found.count);
    part("of").textContent = wrong.length ? "" : texts.of.replace("{count}", found.everybody);
    part("margin").hidden = wrong.length > 0 || found.margin === null;
    if (!part("margin").hidden) part("margin-text").textContent = texts.margin.replace("{margin}", found.margin);
    for (const node of box.querySelectorAll("[data-rule-words]")) node.textContent = found.words?.[node.dataset.ruleWords] ?? "";
    part("problems").replaceChildren(...wrong.map((one) => el("li", {}, one.path && one.path !== "rule" ? `${one.path}: ${one.message}` : one.message)));
    part("sample").replaceChildren(...(found.sample ?? []).map((one) => el("li", {}, el("a", { href: one.url }, one.name))));
    part("nobody").hidden = wrong.length > 0 || found.sample?.length > 0;
    onanswer(found);
  };

  const ask = async (text, exact = false) => {
    running?.abort();
    const mine = running = new AbortController();
    box.setAttribute("aria-busy", "true");
    let found;
    try {
      const answer = await fetch(box.dataset.rulePreview + (exact ? "?exact" : ""), {
        method: "POST", body: text, signal: mine.signal, headers: { "Content-Type": "application/json", "X-CSRFToken": token },
      });
      if (!answer.ok) throw new Error(answer.statusText);
      found = await answer.json();
    } catch {
      if (mine.signal.aborted) return; // a newer question is under way
      found = { problems: [{ path: "", message: box.dataset.failed }] };
    }
    box.removeAttribute("aria-busy");
    if (mine === running) show(found);
  };

  part("exact").addEventListener("click", () => ask(asked, true));
  return (text, { now = false } = {}) => {
    if (text === asked && !now) return;
    asked = text;
    clearTimeout(pause);
    if (now) ask(text); else pause = setTimeout(ask, PAUSE, text);
  };
}
