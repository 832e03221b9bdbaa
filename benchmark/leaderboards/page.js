
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const ALL = data.all;

/** An element; names and figures always go in as text, never as markup. */
function make(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(properties || {})) {
    if (key in element && key !== "list") element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

const show = (value, metric) => value.toFixed(metric.digits);
const taskOf = (table) => data.tasks[table.task];
const metricsOf = (table) => taskOf(table).metrics.filter((metric) => table.metrics.includes(metric.key));
const metricOf = (table, key) => metricsOf(table).find((metric) => metric.key === key);
const fullName = (row) => (row.alone ? row.method : `${row.method} (${row.revision})`);
const typeName = (type) => `${type.name === ALL ? "All types" : type.name} (${type.count})`;

// ---- one table

function section(table, at) {
  const first = metricOf(table, table.headline);
  const state = { type: ALL, sort: first.key, ascending: !first.higher, secondary: false };
  const head = make("thead");
  const body = make("tbody");
  const types = make("select", { "data-role": "type" }, ...table.types.map((type) => make("option", { value: type.name }, typeName(type))));
  const secondary = make("input", { type: "checkbox", "data-role": "secondary" });
  const compare = comparison(table);
  const draw = () => { drawHead(table, state, head, draw); drawBody(table, state, body); };
  types.addEventListener("change", () => { state.type = types.value; draw(); if (compare) compare.choose(state.type); });
  secondary.addEventListener("change", () => { state.secondary = secondary.checked; draw(); });
  draw();
  return make("section", { className: "table", id: `table-${at}` },
    make("h2", {}, table.title),
    make("p", { className: "facts" }, table.facts),
    ...table.notes.map((note) => make("p", { className: "note" }, note)),
    make("div", { className: "toolbar" },
      table.types.length > 1 ? make("label", {}, taskOf(table).kinds, types) : null,
      make("label", {}, secondary, "Secondary metrics"),
      make("span", { className: "hint" }, "Click a heading to sort.")),
    make("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": `Figures: ${table.title}` }, make("table", {}, head, body)),
    bars(table),
    compare ? compare.element : null,
    runs(table));
}

const columns = (table, state) => metricsOf(table).filter((metric) => metric.primary || state.secondary);

/** The metric whose ranks the first column shows: the one sorted by. */
const ranked = (table, state) => metricOf(table, state.sort) || metricOf(table, table.headline);

function drawHead(table, state, head, redraw) {
  const heading = (key, label, small, title, className) => {
    const sorted = state.sort === key;
    const button = make("button", { type: "button", title, "data-sort": key },
      make("span", { className: "arrow", "aria-hidden": "true" }, sorted ? (state.ascending ? "\u25B4" : "\u25BE") : ""), label,
      small ? make("span", { className: "direction" }, small) : null);
    button.addEventListener("click", () => {
      const metric = metricOf(table, key);
      state.ascending = sorted ? !state.ascending : !(metric && metric.higher);
      state.sort = key;
      redraw();
      head.querySelector(`[data-sort="${key}"]`).focus();
    });
    const cell = make("th", { scope: "col", className }, button);
    if (sorted) cell.setAttribute("aria-sort", state.ascending ? "ascending" : "descending");
    return cell;
  };
  const by = ranked(table, state);
  head.replaceChildren(make("tr", {},
    make("th", { scope: "col", title: `Rank by ${by.label}: 1 + the number of methods significantly better` }, "Rank", make("span", { className: "direction" }, `by ${by.label}`)),
    heading("method", "Method", "", "Sort by name", "method"),
    ...columns(table, state).map((metric) => heading(metric.key, metric.unit ? `${metric.label}, ${metric.unit}` : metric.label, metric.higher ? "higher is better" : "lower is better", metric.definition, ""))));
}

function compareRows(a, b, state) {
  if ((a.kind === "control") !== (b.kind === "control")) return a.kind === "control" ? 1 : -1;
  const sign = state.ascending ? 1 : -1;
  const byName = fullName(a) < fullName(b) ? -1 : 1;
  if (state.sort === "method") return sign * byName;
  const [x, y] = [a, b].map((row) => row.cells[state.type][state.sort][0]);
  if (x === null || y === null) return x === y ? byName : x === null ? 1 : -1;
  return x === y ? byName : sign * (x - y);
}

function drawBody(table, state, body) {
  let controls = 0;
  const by = ranked(table, state).key;
  const rows = [...table.rows].sort((a, b) => compareRows(a, b, state)).map((row) => {
    const cells = row.cells[state.type];
    const rank = cells[by][3];
    const first = row.kind === "control" && controls++ === 0;
    return make("tr", { className: `${row.kind}${first ? " first-control" : ""}`, "data-method": row.method },
      make("td", { className: "rank", title: rank === null ? cells[by][4] : "" }, rank === null ? "\u2013" : String(rank)),
      make("td", { className: "method" }, make("span", { className: "name" }, row.method),
        row.revision ? make("span", { className: "revision" }, `rev. ${row.revision}`) : null,
        make("div", { className: "pills" }, make("span", { className: `pill ${row.kind}` }, row.mark),
          row.role ? make("span", { className: `pill ${row.role}` }, row.role) : null)),
      ...columns(table, state).map((metric) => figure(cells[metric.key], metric, row)));
  });
  body.replaceChildren(...rows);
}

function figure([mean, low, high, rank, reason], metric, row) {
  if (mean === null) return make("td", { "data-metric": metric.key }, make("span", { className: "value" }, "\u2013"), make("span", { className: "why" }, reason));
  const value = make("span", { className: rank === 1 ? "value best" : "value" },
    rank === null ? null : make("small", { title: `rank ${rank} by ${metric.label}` }, `#${rank} `), make("span", { className: "mean" }, show(mean, metric)));
  return make("td", { "data-metric": metric.key }, value,
    low === null ? null : make("span", { className: "interval" }, `${show(low, metric)} to ${show(high, metric)}`),
    rank === null && row.kind !== "control" ? make("span", { className: "why" }, `no rank: ${reason}`) : null);
}

// ---- bars

function bars(table) {
  const choice = make("select", { "data-role": "bar-metric" }, ...metricsOf(table).filter((metric) => metric.primary).map((metric) => make("option", { value: metric.key }, `${metric.label} ${metric.higher ? "(higher is better)" : "(lower is better)"}`)));
  const panels = make("div", { className: table.types.length > 1 ? "panels" : "panels single" });
  const legend = make("ul", { className: "legend" });
  const draw = () => {
    const metric = metricOf(table, choice.value);
    const at = (row, type) => row.cells[type][metric.key];
    const bounded = table.rows.filter((row) => row.role);
    const methods = table.rows.filter((row) => row.kind !== "control");
    // one scale for all panels; the ceiling (60 dB, say) may lie beyond it, other controls never stretch it
    const seen = table.types.flatMap((type) => [...methods, ...bounded.filter((row) => row.role === "floor")].flatMap((row) => at(row, type.name).slice(0, 3)));
    const top = Math.max(...seen.filter((value) => value !== null), 1e-9) * 1.04;
    const place = (value) => Math.min(Math.max(value / top, 0), 1);
    panels.replaceChildren(...table.types.map((type) => make("div", { className: "panel" },
      make("h4", {}, type.name === ALL ? "All types " : `${type.name} `, make("span", {}, `${type.count} samples`)),
      ...methods.map((row) => bar(row, at(row, type.name), metric, place,
        bounded.map((other) => ({ role: other.role, value: at(other, type.name)[0] })).filter((line) => line.value !== null && line.value <= top))))));
    legend.replaceChildren(...key(taskOf(table), methods, bounded, metric, at, top));
  };
  choice.addEventListener("change", draw);
  draw();
  return make("div", { className: "part" },
    make("div", { className: "head" }, make("h3", {}, table.types.length > 1 ? `By type of ${taskOf(table).kinds.toLowerCase()}` : "At a glance"), make("label", {}, "Metric", choice)), panels, legend);
}

function bar(row, [mean, low, high, , reason], metric, place, lines) {
  const track = make("div", { className: "track" });
  if (mean !== null) {
    const fill = make("div", { className: `fill ${row.kind}` });
    fill.style.setProperty("--to", place(mean));
    track.append(fill);
    if (low !== null) {
      const whisker = make("div", { className: "whisker" });
      whisker.style.setProperty("--from", place(low));
      whisker.style.setProperty("--to", place(high));
      track.append(whisker);
    }
  }
  for (const line of lines) {
    const mark = make("div", { className: `mark ${line.role}` });
    mark.style.setProperty("--at", place(line.value));
    track.append(mark);
  }
  return make("div", { className: "bar", title: mean === null ? `${fullName(row)}: ${reason}` : `${fullName(row)}: ${show(mean, metric)}${low === null ? "" : ` (${show(low, metric)} to ${show(high, metric)})`}` },
    make("span", { className: "who" }, fullName(row)), track, make("span", { className: "amount" }, mean === null ? "\u2013" : show(mean, metric)));
}

function key(task, methods, bounded, metric, at, top) {
  const entry = (className, text) => make("li", {}, make("i", { className }), text);
  const entries = [];
  if (methods.some((row) => row.kind === "automatic")) entries.push(entry("swatch", "automatic"));
  if (methods.some((row) => row.kind === "given")) entries.push(entry("swatch given", task.given));
  entries.push(entry("whiskers", "95 % interval"));
  for (const row of bounded) {
    const value = at(row, ALL)[0];
    if (value === null) continue;
    const words = `${row.role}, ${task.bounds[row.role]}`;
    entries.push(entry(row.role === "floor" ? "dashes" : "stroke", `${words}: ${show(value, metric)}${value > top ? ", beyond the axis" : ""}`));
  }
  return entries;
}

// ---- two pictures and a divider

function comparison(table) {
  if (!table.pictures.length) return null;
  let current = table.pictures[0];
  const shared = taskOf(table).pictures;
  const sources = () => [...shared.map(([what, name]) => [what, name, current[what]]),
    ...table.rows.map((row, at) => [String(at), fullName(row), current.methods[at]]).filter(([at, , uri]) => uri && !table.rows[at].role)];
  const [under, over] = [make("img", { alt: "" }), make("img", { alt: "", className: "over" })];
  const [left, right] = [make("span", { className: "caption left" }), make("span", { className: "caption right" })];
  const range = make("input", { type: "range", min: 0, max: 100, step: 1, value: 50, "data-role": "divider", "aria-label": "Where the left picture ends, in percent" });
  const stage = make("div", { className: "stage" }, under, over, make("div", { className: "divider" }), left, right, range);
  const [first, second] = [make("select", { "data-role": "left" }), make("select", { "data-role": "right" })];
  const thumbs = make("div", { className: "thumbs", role: "group", "aria-label": "Samples" });
  const words = make("p", { className: "hint" });
  const split = () => stage.style.setProperty("--split", range.value / 100);
  const draw = () => {
    const known = sources();
    const pick = (select, otherwise) => {
      const wanted = known.some(([value]) => value === select.value) ? select.value : otherwise;
      select.replaceChildren(...known.map(([value, name]) => make("option", { value }, name)));
      select.value = wanted;
      return known.find(([value]) => value === wanted);
    };
    const [a, b] = [pick(first, "input"), pick(second, (known[shared.length] || known[1])[0])];
    [over.src, over.alt, left.textContent] = [a[2], a[1], a[1]];
    [under.src, under.alt, right.textContent] = [b[2], b[1], b[1]];
    words.textContent = `Sample ${current.sample}, ${current.type}. Drag the divider, or focus it and use the arrow keys.`;
    for (const button of thumbs.children) button.setAttribute("aria-pressed", String(button.dataset.sample === current.sample));
  };
  for (const picture of table.pictures) {
    const button = make("button", { type: "button", title: `${picture.sample} (${picture.type})`, "data-sample": picture.sample, "data-type": picture.type }, make("img", { src: picture.input, alt: `Sample ${picture.sample}` }));
    button.addEventListener("click", () => { current = picture; draw(); });
    thumbs.append(button);
  }
  range.addEventListener("input", split);
  for (const select of [first, second]) select.addEventListener("change", draw);
  split();
  draw();
  const choose = (type) => {
    const fits = table.pictures.filter((picture) => type === ALL || picture.type === type);
    for (const button of thumbs.children) button.hidden = fits.length > 0 && !fits.some((picture) => picture.sample === button.dataset.sample);
    if (fits.length && !fits.includes(current)) { current = fits[0]; draw(); }
  };
  const element = make("div", { className: "part" }, make("div", { className: "head" }, make("h3", {}, "Compare pictures")),
    make("div", { className: "compare" }, stage, make("div", { className: "choices" }, make("label", {}, "Left", first), make("label", {}, "Right", second), thumbs, words)));
  return { element, choose };
}

// ---- words

function definitions(pairs) {
  return make("dl", {}, ...pairs.flatMap(([term, text]) => [make("dt", {}, term), make("dd", {}, text)]));
}

function runs(table) {
  return make("details", {}, make("summary", {}, "How each was run"),
    definitions(table.rows.map((row) => [fullName(row), [row.mark, ...Object.entries(row.facts).map(([name, value]) => `${name}: ${value}`)].join(" \u00B7 ")])));
}

function conventions() {
  const several = Object.keys(data.tasks).length > 1;
  return make("details", {}, make("summary", {}, "Conventions"),
    ...Object.entries(data.tasks).flatMap(([name, task]) => [
      several ? make("h3", {}, name) : null,
      ...task.conventions.map((text) => make("p", {}, text)),
      definitions(task.metrics.map((metric) => [`${metric.label} ${metric.higher ? "\u2191" : "\u2193"}`, metric.definition]))].filter(Boolean)),
    make("p", {}, "Intervals are 95 % bootstrap intervals that resample faces, since samples of one face are not independent. A method's rank is 1 + the number of methods significantly better, that is, whose interval of the paired difference excludes zero. There is no rank without every sample, and controls are never ranked."));
}

for (const table of data.tables) {
  for (const row of table.rows) row.alone = table.rows.filter((other) => other.method === row.method).length === 1;
}
document.getElementById("tables").replaceChildren(...data.tables.map(section));
document.getElementById("conventions").replaceChildren(conventions());
if (data.tables.length > 1) {
  const contents = document.getElementById("contents");
  contents.hidden = false;
  contents.append(make("ul", {}, ...data.tables.map((table, at) => make("li", {}, make("a", { href: `#table-${at}` }, table.title)))));
}
