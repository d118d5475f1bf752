// The form of one condition, made from what the server says of facts, parameters, types and operators.
import { button, combobox, el, input, numberFrom, same, select, shown } from "./rule_dom.js";
import { Group, Leaf, isNode, isObject } from "./rule_tree.js";

const TODAY = () => new Date().toLocaleDateString("sv");

// --- what a condition is of

const fits = (schema, value) => {
  if (schema === undefined) return true;
  if ("const" in schema) return same(schema.const, value);
  if (schema.enum) return schema.enum.some((one) => same(one, value));
  if (schema.pattern) return typeof value === "string" && new RegExp(schema.pattern, "u").test(value);
  return true;
};

export function typeOf(fact, raw) {
  const value = (name) => raw[name] ?? fact.parameters.find((one) => one.name === name)?.default;
  return fact.variants.find((variant) =>
    variant.absent.every((name) => raw[name] === undefined)
    && Object.entries(variant.match).every(([name, schema]) => value(name) !== undefined && fits(schema, value(name))));
}

const initial = (typed, shape) => {
  const one = () => typed.choices ? typed.choices[0]?.value ?? "" : { number: 1, date: TODAY(), datetime: TODAY() }[typed.kind] ?? "";
  return { none: undefined, one: one(), pair: typed.kind === "number" ? [1, 10] : [one(), one()], many: typed.choices ? [one()] : [], days: 30, weekdays: [1], pattern: "" }[shape];
};

const shapeOf = (language, kind, op) => language.operators[kind]?.find((one) => one.value === op)?.shape;

// Gives the condition an operator and a value of its type, keeping what still fits.
export function fit(language, raw, typed, before) {
  const operators = language.operators[typed.kind];
  const held = shapeOf(language, typed.kind, raw.op);
  if (!held) raw.op = (operators.find((one) => one.value === { number: "gte", text: "eq" }[typed.kind]) ?? operators[0]).value;
  const shape = shapeOf(language, typed.kind, raw.op);
  if (shape === "none") delete raw.value;
  else if (!before || before.kind !== typed.kind || before.choices !== typed.choices || raw.value === undefined) raw.value = initial(typed, shape);
  else if (before.shape !== shape) raw.value = converted(raw.value, typed, shape);
  if (typed.kind !== "text" || shape === "none") delete raw.ignore_case;
}

const converted = (value, typed, shape) => {
  const plain = Array.isArray(value) ? value[0] : value;
  if (plain === undefined || shape === "weekdays") return initial(typed, shape);
  if (shape === "days") return typeof plain === "number" ? plain : initial(typed, shape);
  if (typed.kind.startsWith("date") && !String(plain).includes("-")) return initial(typed, shape);
  return { one: plain, pattern: String(plain), pair: [plain, plain], many: Array.isArray(value) ? value : [plain] }[shape];
};

export function blank(language, fact) {
  const raw = { fact: fact.key };
  for (const one of fact.parameters) {
    if (!one.required) continue;
    if (one.kind === "measure") raw[one.name] = language.measures[0].value;
    else if (one.options?.length) raw[one.name] = one.options[0].value;
    else if (one.kind === "schema") raw[one.name] = sample(one.schema);
  }
  const typed = typeOf(fact, raw) ?? fact.variants[0];
  if (typed) fit(language, raw, typed);
  return raw;
}

const pickSchema = (schema, value) => {
  const ways = schema.anyOf ?? schema.oneOf;
  if (!ways) return schema;
  return ways.find((way) => value !== undefined && (way.type === "array") === Array.isArray(value)) ?? ways[0];
};

function sample(given) {
  const schema = pickSchema(given);
  if ("const" in schema) return schema.const;
  if (schema.enum) return schema.enum[0] ?? "";
  if (schema.type === "integer" || schema.type === "number") return schema.minimum ?? 1;
  if (schema.type === "boolean") return false;
  if (schema.type === "array") return Array.from({ length: schema.minItems ?? 1 }, () => sample(schema.items));
  if (schema.type === "object") return Object.fromEntries((schema.required ?? []).map((name) => [name, sample(schema.properties[name])]));
  return "";
}

// --- the form

// `ctx`: language, texts, suggest(query) → Promise, change(node, mutate, {redraw}), tree(group, options) → element.
export class Form {
  constructor(leaf, ctx, events) {
    Object.assign(this, { leaf, ctx, events, t: ctx.texts, raw: leaf.raw, blocks: [] });
  }

  key(field) { return `${this.leaf.id}:${field}`; }
  set(holder, name, value, redraw = false) {
    this.ctx.change(() => { if (value === undefined) delete holder[name]; else holder[name] = value; }, { redraw, key: redraw ? null : this.key(name) });
  }

  // Inline fields, and blocks (a `where`, steps) that stand below them.
  draw() {
    const raw = this.raw;
    if (!isObject(raw)) return { fields: [el("code", {}, shown(raw)), el("span", { class: "ui-muted" }, this.t.odd)], blocks: [] };
    const fields = this.events ? this.property() : this.fact();
    return { fields, blocks: this.blocks };
  }

  fact() {
    const { language } = this.ctx;
    const raw = this.raw;
    const chooser = select({
      options: language.facts.map((one) => ({ value: one.key, label: one.label })), value: raw.fact, label: this.t.fact,
      key: this.key("fact"), field: "fact", empty: raw.fact === undefined ? this.t.choose : undefined,
      onchange: (value) => this.ctx.change(() => {
        const fact = language.facts.find((one) => one.key === value);
        this.leaf.raw = fact ? blank(language, fact) : { ...raw, fact: value };
      }, { redraw: true }),
    });
    const fact = language.facts.find((one) => one.key === raw.fact);
    if (!fact) return [chooser];
    const typed = typeOf(fact, raw);
    const decides = new Set(fact.variants.flatMap((variant) => [...Object.keys(variant.match), ...variant.absent]));
    const first = fact.parameters.filter((one) => one.required || decides.has(one.name));
    const after = fact.parameters.filter((one) => !first.includes(one));
    const again = (mutate) => this.ctx.change(() => {
      const before = typeOf(fact, raw);
      const shape = before && shapeOf(language, before.kind, raw.op);
      mutate();
      const now = typeOf(fact, raw);
      if (now) fit(language, raw, now, before && { ...before, shape });
    }, { redraw: true });
    return [
      chooser,
      ...first.map((one) => this.parameter(one, fact, again)),
      ...(typed ? this.comparison(typed, { term: fact }) : []),
      ...after.map((one) => this.parameter(one, fact, again)),
    ];
  }

  // A condition on a property of an event, inside a `where`.
  property() {
    const { language } = this.ctx;
    const raw = this.raw;
    const name = combobox({
      value: raw.prop, label: this.t.property, key: this.key("prop"), field: "prop", free: true, texts: this.t,
      load: (q, page) => this.ctx.suggest({ event: this.events, q, page }).then((found) => ({ ...found, options: q || page ? found.options : [{ value: language.amount, label: language.amount }, ...found.options] })),
      commit: (value, option) => {
        // What is chosen brings its type along.
        const type = value === language.amount ? "number" : language.props.find((one) => one === option?.type);
        const other = type && type !== propKind(this.leaf, language);
        this.ctx.change(() => {
          raw.prop = value;
          if (other) { this.leaf.propKind = type; delete raw.op; fit(language, raw, { kind: type }); }
        }, { redraw: other, key: other ? null : this.key("prop") });
      },
    });
    const kind = propKind(this.leaf, language);
    const type = select({
      options: language.props.map((one) => ({ value: one, label: this.t[`kind_${one}`] })), value: kind, label: this.t.kind,
      key: this.key("kind"), onchange: (value) => this.ctx.change(() => {
        if (raw.prop === language.amount) return; // always a number
        this.leaf.propKind = value;
        delete raw.op;
        fit(language, raw, { kind: value });
      }, { redraw: true }),
    });
    return [name, type, ...this.comparison({ kind }, { prop: raw.prop })];
  }

  comparison(typed, about) {
    const { language } = this.ctx;
    const raw = this.raw;
    const shape = shapeOf(language, typed.kind, raw.op);
    const operator = select({
      options: language.operators[typed.kind], value: raw.op, label: this.t.operator, key: this.key("op"), field: "op",
      onchange: (value) => this.ctx.change(() => {
        if (this.events) this.leaf.propKind = typed.kind;
        raw.op = value;
        fit(language, raw, typed, { ...typed, shape });
      }, { redraw: true }),
    });
    const fields = [operator, ...this.value(typed, shape, about)];
    if (typed.kind === "text" && shape && shape !== "none") {
      fields.push(el("label", { class: "rb-check" }, el("input", {
        type: "checkbox", "data-key": this.key("ignore_case"), "data-field": "ignore_case", checked: Boolean(raw.ignore_case),
        onchange: (event) => this.set(raw, "ignore_case", event.target.checked || undefined),
      }), this.t.ignore_case));
    }
    return fields;
  }

  value(typed, shape, about) {
    const raw = this.raw;
    const { t } = this;
    switch (shape) {
      case "one": return [this.one(typed, about, raw.value, "value", (value) => this.set(raw, "value", value))];
      case "pair": {
        const pair = Array.isArray(raw.value) ? raw.value : [raw.value, raw.value];
        const put = (at) => (value) => this.set(raw, "value", pair.with(at, value));
        return [this.one(typed, about, pair[0], "value[0]", (value) => { pair[0] = value; put(0)(value); }), el("span", {}, t.and),
          this.one(typed, about, pair[1], "value[1]", (value) => { pair[1] = value; put(1)(value); })];
      }
      case "many": return [this.many(typed, about)];
      case "days": return [this.number(raw, "value", t.days), el("span", {}, t.days)];
      case "weekdays": return [this.weekdays()];
      case "pattern": return [input({ value: shown(raw.value), label: t.value, key: this.key("value"), field: "value", wide: true, onchange: (value) => this.set(raw, "value", value) })];
      default: return [];
    }
  }

  one(typed, about, value, field, put) {
    const common = { value, label: this.t.value, key: this.key(field), field };
    if (typed.choices) return select({ ...common, options: typed.choices, onchange: put });
    if (typed.kind === "number") return input({ ...common, value: shown(value), mode: "decimal", onchange: (text) => put(numberFrom(text)) });
    if (typed.kind.startsWith("date")) {
      const day = !value || /^\d{4}-\d\d-\d\d$/.test(value);
      return input({ ...common, value: shown(value), type: day ? "date" : "text", onchange: put });
    }
    return combobox({ ...common, free: true, texts: this.t, load: this.values(about), commit: put });
  }

  values(about) {
    return (q, page) => {
      if (!about.term) return this.ctx.suggest({ event: this.events, prop: about.prop ?? "", q, page });
      const term = { fact: about.term.key };
      for (const one of about.term.parameters) if (this.raw[one.name] !== undefined) term[one.name] = this.raw[one.name];
      return this.ctx.suggest({ term: JSON.stringify(term), q, page });
    };
  }

  many(typed, about) {
    const raw = this.raw;
    const held = Array.isArray(raw.value) ? raw.value : raw.value === undefined ? [] : [raw.value];
    const label = (value) => typed.choices?.find((one) => same(one.value, value))?.label ?? shown(value);
    const chips = held.map((value, at) => el("span", { class: "ui-chip" }, label(value), el("button", {
      type: "button", class: "ui-chip-button", "aria-label": `${this.t.remove} ${label(value)}`, "data-key": this.key(`value-${at}`),
      onclick: () => this.ctx.change(() => { raw.value = held.filter((_one, index) => index !== at); }, { redraw: true, focus: this.key("value") }),
    }, "×")));
    const add = (value) => this.ctx.change(() => {
      if (value !== undefined && value !== "" && !held.some((one) => same(one, value))) raw.value = [...held, value];
    }, { redraw: true, focus: this.key("value") });
    const left = typed.choices?.filter((one) => !held.some((value) => same(value, one.value)));
    const field = left
      ? select({ options: left, value: undefined, label: this.t.add_value, key: this.key("value"), field: "value", empty: this.t.add_value, onchange: add })
      : combobox({ value: "", label: this.t.add_value, key: this.key("value"), field: "value", free: true, clears: true, texts: this.t, load: this.values(about), commit: add });
    return el("span", { class: "rb-many" }, chips, field);
  }

  weekdays() {
    const raw = this.raw;
    const names = new Intl.DateTimeFormat(document.documentElement.lang, { weekday: "short", timeZone: "UTC" });
    const held = new Set(Array.isArray(raw.value) ? raw.value : []);
    return el("span", { class: "rb-many", role: "group", "aria-label": this.t.value, "data-field": "value" }, [1, 2, 3, 4, 5, 6, 7].map((day) => el("label", { class: "rb-check" }, el("input", {
      type: "checkbox", checked: held.has(day), "data-key": this.key(`value-${day}`), onchange: (event) => {
        if (event.target.checked) held.add(day); else held.delete(day);
        this.set(raw, "value", [...held].sort());
      },
    }), names.format(new Date(Date.UTC(2024, 0, day))))));
  }

  number(holder, name, label, field = name) {
    return input({ value: shown(holder[name]), label, key: this.key(field), field, mode: "decimal", class: "rb-input rb-short",
      onchange: (text) => this.set(holder, name, text.trim() === "" ? undefined : numberFrom(text)) });
  }

  // --- parameters

  parameter(one, fact, again) {
    const raw = this.raw;
    const put = (value) => again(() => { if (value === undefined) delete raw[one.name]; else raw[one.name] = value; });
    switch (one.kind) {
      case "names": return one.many ? this.severalNames(one, put) : this.nameField(one, raw[one.name], put, one.name, fact);
      case "choice": return select({ options: one.options, value: raw[one.name] ?? one.default, label: one.label, key: this.key(one.name), field: one.name, empty: one.required || one.default !== undefined ? undefined : "–", onchange: put });
      case "window": return this.window(one);
      case "measure": return this.measure(one, put);
      case "where": this.blocks.push(this.where(raw, one.name, one.label, this.eventsOf(fact))); return null;
      default: return this.schema(one.schema, raw, one.name, one.label, one.name, one.required);
    }
  }

  // The events whose properties a `where` is about: the names that stand beside it.
  eventsOf(fact) {
    const named = fact.parameters.find((one) => one.kind === "names" && one.of === "event");
    return named ? [this.raw[named.name]].flat().filter(Boolean) : [];
  }

  nameField(one, value, put, field, fact) {
    const common = { value, label: one.label, key: this.key(field), field };
    const owner = (option) => !option.of || fact.parameters.every((other) => other.kind !== "names" || option.of[other.of] === undefined || this.raw[other.name] === undefined || same(option.of[other.of], this.raw[other.name]));
    if (!one.more) return select({ ...common, options: one.options.filter(owner), empty: one.required ? undefined : "–", onchange: put });
    const belongs = Object.fromEntries(fact.parameters.filter((other) => other.kind === "names" && this.raw[other.name] !== undefined && other !== one).map((other) => [`of_${other.of}`, this.raw[other.name]]));
    return combobox({ ...common, texts: this.t, load: (q, page) => this.ctx.suggest({ names: one.of, q, page, ...belongs }), commit: put });
  }

  severalNames(one, put) {
    const held = [this.raw[one.name]].flat();
    const single = !Array.isArray(this.raw[one.name]);
    const rows = held.map((value, at) => [
      this.nameField(one, value, (chosen) => put(single ? chosen : held.with(at, chosen)), single ? one.name : `${one.name}[${at}]`, { parameters: [] }),
      held.length > 1 && el("button", { type: "button", class: "ui-chip-button", "aria-label": `${this.t.remove} ${shown(value)}`, onclick: () => put(held.length === 2 ? held[1 - at] : held.filter((_name, index) => index !== at)) }, "×"),
    ]);
    const more = (one.more || one.options.length > held.length) && button(this.t.or_another, () => put([...held, one.options.find((option) => !held.includes(option.value))?.value ?? ""]), { key: this.key(`${one.name}+`), class: "ui-link" });
    return el("span", { class: "rb-many" }, rows.flat(), more);
  }

  measure(one, put) {
    const value = String(this.raw[one.name] ?? "");
    const [name, prop] = [value.split(":")[0], value.includes(":") ? value.slice(value.indexOf(":") + 1) : ""];
    const measures = this.ctx.language.measures;
    const needs = measures.find((measure) => measure.value === name)?.prop;
    const events = [this.raw.name].flat().filter(Boolean);
    return el("span", { class: "rb-many" },
      select({ options: measures, value: name, label: one.label, key: this.key(one.name), field: one.name, onchange: (chosen) => put(measures.find((measure) => measure.value === chosen).prop ? `${chosen}:${prop || this.ctx.language.amount}` : chosen) }),
      needs && combobox({
        value: prop, label: this.t.property, key: this.key(`${one.name}-prop`), free: true, texts: this.t,
        load: (q, page) => this.ctx.suggest({ event: events, q, page }).then((found) => ({ ...found, options: page ? found.options : [{ value: this.ctx.language.amount, label: this.ctx.language.amount }, ...found.options] })),
        commit: (chosen) => this.set(this.raw, one.name, `${name}:${chosen}`),
      }));
  }

  window(one) {
    const raw = this.raw;
    const { t } = this;
    const held = isObject(raw[one.name]) ? raw[one.name] : null;
    const kind = !held ? "ever" : "calendar" in held ? "calendar" : "from" in held ? "from" : "until_days_ago" in held ? "between" : "days";
    const fresh = { ever: undefined, days: { days: held?.days ?? 30 }, between: { days: held?.days ?? 60, until_days_ago: 30 }, calendar: { calendar: "this_month" }, from: { from: `${TODAY().slice(0, 4)}-01-01`, to: TODAY() } };
    const options = ["ever", "days", "between", "calendar", "from"].map((value) => ({ value, label: t[`window_${value}`] }));
    const fields = [select({ options, value: kind, label: one.label, key: this.key(one.name), field: one.name, onchange: (value) => this.set(raw, one.name, fresh[value], true) })];
    const days = (name) => this.number(held, name, t[`window_${name}`] ?? t.days, `${one.name}.${name}`);
    if (kind === "days") fields.push(days("days"), el("span", {}, t.days));
    if (kind === "between") fields.push(days("days"), el("span", {}, t.and), days("until_days_ago"), el("span", {}, t.days_ago));
    if (kind === "calendar") fields.push(select({ options: this.ctx.language.calendar, value: held.calendar, label: one.label, key: this.key(`${one.name}.calendar`), field: `${one.name}.calendar`, onchange: (value) => this.set(held, "calendar", value) }));
    if (kind === "from") for (const name of ["from", "to"]) {
      const day = /^\d{4}-\d\d-\d\d$/.test(held[name] ?? "");
      fields.push(input({ value: shown(held[name]), type: day ? "date" : "text", label: t[`window_${name}`], key: this.key(`${one.name}.${name}`), field: `${one.name}.${name}`, onchange: (value) => this.set(held, name, value) }));
      if (name === "from") fields.push(el("span", {}, t.until_before));
    }
    return el("span", { class: "rb-many" }, fields);
  }

  where(holder, name, label, events) {
    const tree = holder[name];
    if (!isNode(tree)) {
      return button(`+ ${label}`, () => this.ctx.change(() => { holder[name] = new Group("all", [new Leaf({ prop: this.ctx.language.amount, op: "gte", value: 1 })], { implicit: true }); }, { redraw: true }), { key: this.key(`${name}+`), class: "ui-link rb-block" });
    }
    return el("div", { class: "rb-where rb-block", role: "group", "aria-label": label }, el("p", { class: "ui-muted" }, label), this.ctx.tree(tree, { events, remove: () => { delete holder[name]; } }));
  }

  // Any other parameter, by its JSON Schema: what a new fact asks for can be filled in without the builder knowing it.
  schema(given, holder, name, label, field, required = true) {
    const schema = pickSchema(given, holder[name]);
    const common = { value: shown(holder[name]), label, key: this.key(field), field };
    if (schema.$ref) return this.where(holder, name, label, [holder.name].flat().filter(Boolean));
    if (holder[name] === undefined && !required) return button(`+ ${label}`, () => this.set(holder, name, sample(schema), true), { key: this.key(`${field}+`), class: "ui-link" });
    const drop = !required && el("button", { type: "button", class: "ui-chip-button", "aria-label": `${this.t.remove} ${label}`, onclick: () => this.set(holder, name, undefined, true) }, "×");
    if (schema.enum) return el("span", { class: "rb-many" }, this.titled(label), select({ ...common, value: holder[name], options: schema.enum.map((value) => ({ value, label: String(value) })), onchange: (value) => this.set(holder, name, value, true) }), drop);
    if (schema.type === "array") return this.schemaList(schema, holder, name, label, field);
    if (schema.type === "object" && isObject(holder[name])) {
      const inner = Object.entries(schema.properties ?? {}).map(([key, part]) => this.schema(part, holder[name], key, part.title ?? key, `${field}.${key}`, schema.required?.includes(key)));
      return el("fieldset", { class: "rb-part" }, el("legend", {}, label), inner, drop);
    }
    if (schema.type === "integer" || schema.type === "number") return el("span", { class: "rb-many" }, this.titled(label), this.number(holder, name, label, field), drop);
    return el("span", { class: "rb-many" }, this.titled(label), input({ ...common, onchange: (value) => this.set(holder, name, value) }), drop);
  }

  titled(label) { return el("span", { class: "ui-muted" }, label); }

  schemaList(schema, holder, name, label, field) {
    const held = Array.isArray(holder[name]) ? holder[name] : [];
    const rows = held.map((_item, at) => el("li", {}, this.schema(schema.items, held, at, `${label} ${at + 1}`, `${field}[${at}]`),
      held.length > (schema.minItems ?? 0) && button(this.t.remove, () => this.ctx.change(() => { held.splice(at, 1); }, { redraw: true }), { class: "ui-link" })));
    const add = held.length < (schema.maxItems ?? 50) && button(`+ ${label}`, () => this.ctx.change(() => { holder[name] = [...held, sample(schema.items)]; }, { redraw: true }), { key: this.key(`${field}+`), class: "ui-link" });
    return el("div", { class: "rb-block" }, el("ol", { class: "rb-steps" }, rows), add);
  }
}

// Properties have no declared type: operator and value say which one is meant.
export function propKind(leaf, language) {
  const { op, value } = leaf.raw;
  const plain = Array.isArray(value) ? value[0] : value;
  const kinds = language.props.filter((kind) => language.operators[kind].some((one) => one.value === op));
  if (leaf.raw.prop === language.amount) return "number";
  if (leaf.propKind && kinds.includes(leaf.propKind)) return leaf.propKind;
  if (op === "eq" || op === "ne") return typeof plain === "string" ? "text" : "number";
  if (op === "between") return typeof plain === "string" ? "datetime" : "number";
  return kinds.includes("datetime") && !["is_set", "is_missing"].includes(op) ? "datetime" : kinds[0] ?? "text";
}
