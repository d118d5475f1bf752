// Dragging a condition or group by its handle, with mouse, pen or finger. Arrow keys do the same: see rule_builder.js.
const NEAR = 6; // pixels before a press becomes a drag
const EDGE = 60; // pixels from the window's edge where it scrolls

// `spots()` → places of the tree; `drop(node, group, at)` carries the move out.
export function draggable(box, spots, drop) {
  let held = null;
  const clear = () => box.querySelectorAll(".rb-before, .rb-after, .rb-inside").forEach((node) => node.classList.remove("rb-before", "rb-after", "rb-inside"));

  box.addEventListener("pointerdown", (event) => {
    const handle = event.target.closest("[data-handle]");
    if (!handle || event.button) return;
    held = { handle, id: handle.dataset.handle, x: event.clientX, y: event.clientY, moving: false, target: null };
    handle.setPointerCapture(event.pointerId);
  });

  box.addEventListener("pointermove", (event) => {
    if (!held) return;
    if (!held.moving && Math.hypot(event.clientX - held.x, event.clientY - held.y) < NEAR) return;
    held.moving = true;
    box.classList.add("rb-dragging");
    box.querySelector(`[data-node="${held.id}"]`)?.classList.add("rb-held");
    if (event.clientY < EDGE) window.scrollBy(0, -12);
    if (event.clientY > window.innerHeight - EDGE) window.scrollBy(0, 12);
    held.target = targetAt(event.clientX, event.clientY);
    clear();
    if (held.target) held.target.item.classList.add(`rb-${held.target.how}`);
  });

  const end = (event) => {
    if (!held) return;
    const { id, moving, target } = held;
    held = null;
    clear();
    box.classList.remove("rb-dragging");
    box.querySelector(".rb-held")?.classList.remove("rb-held");
    if (!moving || !target || event.type === "pointercancel") return;
    const all = spots();
    drop(all.get(id).node, target.group, target.at);
  };
  box.addEventListener("pointerup", end);
  box.addEventListener("pointercancel", end);
  box.addEventListener("keydown", (event) => { if (event.key === "Escape" && held) { event.stopPropagation(); end({ type: "pointercancel" }); } });

  // Above the middle of a row is before it, below is after it; a group's head and foot are inside it.
  function targetAt(x, y) {
    const item = document.elementFromPoint(x, y)?.closest("[data-node]");
    const all = spots();
    const spot = item && all.get(item.dataset.node);
    const own = all.get(held.id);
    if (!spot || !own || spot.top !== own.top || item.closest(`[data-node="${held.id}"]`)) return null;
    const group = "children" in spot.node;
    const line = item.querySelector(":scope > .rb-line").getBoundingClientRect();
    if (group && (!spot.parent || y > line.top + line.height / 2)) {
      const head = y < line.bottom;
      return { item, how: "inside", group: spot.node, at: head ? 0 : spot.node.children.length };
    }
    const area = group ? line : item.getBoundingClientRect();
    const after = y > area.top + area.height / 2;
    return { item, how: after ? "after" : "before", group: spot.parent, at: spot.index + (after ? 1 : 0) };
  }
}
