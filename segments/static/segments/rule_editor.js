// The editor of a rule: after each pause in typing, ask how many members it finds, who, and what is wrong with it.
(() => {
  const field = document.querySelector("[data-rule]");
  const box = document.querySelector("[data-rule-preview]");
  if (!field || !box) return;
  const part = (name) => box.querySelector(`[data-rule-${name}]`);
  const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
  let asked = 0;
  const list = (parent, nodes) => parent.replaceChildren(...nodes.map((node) => {
    const item = document.createElement("li");
    item.append(node);
    return item;
  }));
  const show = async () => {
    const turn = ++asked;
    let found;
    try {
      const answer = await fetch(box.dataset.rulePreview, {
        method: "POST", body: field.value, headers: { "Content-Type": "application/json", "X-CSRFToken": token },
      });
      if (!answer.ok) throw new Error(answer.statusText);
      found = await answer.json();
    } catch {
      found = { problems: [{ path: "", message: box.dataset.failed }] };
    }
    if (turn !== asked) return; // a newer question is under way
    const problems = found.problems || [];
    field.setAttribute("aria-invalid", problems.length > 0);
    part("count").textContent = problems.length ? "–" : found.count;
    part("words").textContent = found.words?.[document.documentElement.lang] || "";
    list(part("problems"), problems.map((one) => (one.path ? `${one.path}: ${one.message}` : one.message)));
    list(part("sample"), (found.sample || []).map((one) => {
      const link = document.createElement("a");
      link.href = one.url;
      link.textContent = one.name;
      return link;
    }));
  };
  let pause;
  field.addEventListener("input", () => { clearTimeout(pause); pause = setTimeout(show, 400); });
  for (const button of document.querySelectorAll("[data-rule-example]")) {
    button.addEventListener("click", () => {
      field.value = button.dataset.ruleExample;
      field.focus();
      show();
    });
  }
  show();
})();
