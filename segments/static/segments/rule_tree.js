// The rule as a tree that can be edited. Nothing here knows the page.
// A `where` inside a condition is a tree of its own and stands in the condition's parameters.
let last = 0;
const newId = () => `n${++last}`;

export class Group {
  // `implicit`: the rule (or the `where`) is a single condition; the group around it is only shown, not written.
  constructor(key, children = [], { nots = 0, implicit = false, id = newId() } = {}) {
    Object.assign(this, { key, children, nots, implicit, id });
  }
  get hidden() { return this.implicit && !this.nots && this.written.length === 1; }
  get written() { return this.children.filter((child) => !child.draft); }
  toJSON() { return this.hidden ? this.written[0].toJSON() : negated({ [this.key]: this.written }, this.nots); }
}

export class Leaf {
  // `raw` is the condition as JSON; `draft` until it is chosen what it asks for. `propKind` is the editor's own memory.
  constructor(raw, { nots = 0, id = newId(), propKind } = {}) {
    Object.assign(this, { raw, nots, id, propKind });
  }
  get draft() { return isObject(this.raw) && Object.keys(this.raw).length === 0; }
  toJSON() { return negated(this.raw, this.nots); }
}

const negated = (json, nots) => (nots ? { not: negated(json, nots - 1) } : json);
export const isNode = (value) => value instanceof Group || value instanceof Leaf;
export const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value)
  && !JSON.isRawJSON?.(value);
const only = (json, key) => isObject(json) && Object.keys(json).length === 1 && key in json;

export function parse(json) {
  let nots = 0;
  while (only(json, "not") && isObject(json.not)) { json = json.not; nots += 1; }
  const key = ["all", "any"].find((one) => only(json, one) && Array.isArray(json[one]));
  return key ? new Group(key, json[key].map(parse), { nots }) : new Leaf(planted(json), { nots });
}

const grouped = (node) => (node instanceof Group ? node : new Group("all", [node], { implicit: true }));

function planted(raw) {
  if (Array.isArray(raw)) return raw.map(planted);
  if (!isObject(raw)) return raw;
  return Object.fromEntries(Object.entries(raw).map(
    ([key, value]) => [key, key === "where" && isObject(value) ? grouped(parse(value)) : planted(value)],
  ));
}

// Numbers with more digits than a double holds stay as they are written.
const exact = (_key, value, context) =>
  typeof value === "number" && JSON.rawJSON && context?.source.replace(/e.*$/i, "").replace(/\D/g, "").length > 15
    ? JSON.rawJSON(context.source) : value;

// Throws SyntaxError.
export function read(text) {
  const json = JSON.parse(text, exact);
  if (!isObject(json)) return grouped(new Leaf(json));
  const { version: _version, ...rule } = json;
  return grouped(parse(rule));
}

export const readPart = (text) => {
  const found = read(text);
  return found.hidden ? found.children[0] : found;
};

export const write = (root) => JSON.stringify({ version: 1, ...JSON.parse(JSON.stringify(root), exact) }, null, 2);
export const writePart = (node) => JSON.stringify(node, null, 2);

// A deep copy; with `fresh` ids, or with the same ones for the history.
export function copy(node, fresh = false) {
  const id = fresh ? newId() : node.id;
  if (node instanceof Group) {
    const { nots, implicit } = node;
    return new Group(node.key, node.children.map((child) => copy(child, fresh)), { nots, implicit, id });
  }
  return new Leaf(copied(node.raw, fresh), { nots: node.nots, id, propKind: node.propKind });
}

function copied(raw, fresh) {
  if (isNode(raw)) return copy(raw, fresh);
  if (Array.isArray(raw)) return raw.map((item) => copied(item, fresh));
  if (!isObject(raw)) return raw;
  return Object.fromEntries(Object.entries(raw).map(([key, value]) => [key, copied(value, fresh)]));
}

const join = (path, key) => (path ? `${path}.${key}` : key);

// Every node with its place as the server says it: `path` of the node, `place` of what it negates, `parent`, `index`
// in it, and `top`, the root of the tree it may move in.
export function places(root) {
  const found = new Map();
  const visit = (node, path, parent, index, top) => {
    const place = Array.from({ length: node.nots }).reduce((way) => join(way, "not"), path);
    found.set(node.id, { node, path, place, parent, index, top });
    if (node instanceof Leaf) return inside(node.raw, place);
    let written = 0;
    node.children.forEach((child, at) => {
      const way = node.hidden ? place : `${join(place, node.key)}[${child.draft ? "draft" : written}]`;
      if (!child.draft) written += 1;
      visit(child, way, node, at, top);
    });
  };
  const inside = (raw, path) => {
    if (isNode(raw)) return visit(raw, path, null, 0, raw);
    if (Array.isArray(raw)) raw.forEach((item, at) => inside(item, `${path}[${at}]`));
    else if (isObject(raw)) for (const [key, value] of Object.entries(raw)) inside(value, join(path, key));
  };
  visit(root, "", null, 0, root);
  return found;
}

// The innermost node that a problem is about, and what is left of the problem's path inside it.
export function blamed(spots, path) {
  const wanted = path === "rule" ? "" : path;
  let best = null;
  for (const spot of spots.values()) {
    const inside = wanted === spot.place || !spot.place || wanted.startsWith(`${spot.place}.`) || wanted.startsWith(`${spot.place}[`)
      || wanted === spot.path;
    if (inside && (!best || spot.place.length >= best.place.length)) best = spot;
  }
  return best && { node: best.node, rest: wanted.slice(best.place.length).replace(/^\./, "") };
}

export const contains = (node, other) => node === other
  || (node instanceof Group && node.children.some((child) => contains(child, other)));

// Moves `node` into `group` before position `at` (counted before the move); false when that is no move.
export function place(root, node, group, at) {
  const spot = places(root).get(node.id);
  if (!spot?.parent || contains(node, group)) return false;
  const same = spot.parent === group;
  if (same && (at === spot.index || at === spot.index + 1)) return false;
  spot.parent.children.splice(spot.index, 1);
  group.children.splice(same && at > spot.index ? at - 1 : at, 0, node);
  return true;
}

export const moves = {
  up: (root, node) => {
    const spot = places(root).get(node.id);
    return spot.index > 0 && place(root, node, spot.parent, spot.index - 1);
  },
  down: (root, node) => {
    const spot = places(root).get(node.id);
    return spot.index < spot.parent.children.length - 1 && place(root, node, spot.parent, spot.index + 2);
  },
  // Out of its group, to stand after it.
  out: (root, node) => {
    const all = places(root);
    const around = all.get(all.get(node.id).parent.id);
    return Boolean(around.parent) && place(root, node, around.parent, around.index + 1);
  },
  // Into the nearest group before it, else the nearest after it.
  into: (root, node) => {
    const { parent, index } = places(root).get(node.id);
    const groups = parent.children.filter((child) => child instanceof Group && child !== node);
    const before = groups.filter((group) => parent.children.indexOf(group) < index).at(-1);
    const group = before ?? groups[0];
    return Boolean(group) && place(root, node, group, before ? group.children.length : 0);
  },
  wrap: (root, node) => {
    const { parent, index } = places(root).get(node.id);
    parent.children.splice(index, 1, new Group("any", [node]));
    return true;
  },
};
