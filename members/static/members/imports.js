// The import wizard: a column's name and type are asked only where it becomes a new attribute.
"use strict";
for (const column of document.querySelectorAll("[data-import-column]")) {
  const target = column.querySelector("select");
  const fresh = column.querySelector("[data-import-new]");
  const show = () => { fresh.hidden = target.value !== "new attribute"; };
  target.addEventListener("change", show);
  show();
}
