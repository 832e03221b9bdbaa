"use strict";
/* Headings become buttons that sort their table; the page says everything without this. */

const value = (row, at, numeric) => {
  const cell = row.cells[at];
  if (!numeric) return cell.textContent;
  return cell.dataset.sort ? Number(cell.dataset.sort) : null;
};

function sort(table, heading) {
  const at = heading.cellIndex;
  const numeric = heading.classList.contains("number");
  const ascending = heading.getAttribute("aria-sort") !== "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const rows = [...table.tBodies[0].rows].map((row) => [value(row, at, numeric), row]);
  rows.sort(([x], [y]) => {
    if (x === null || y === null) return x === y ? 0 : x === null ? 1 : -1; // what is not known comes last
    const order = numeric ? x - y : x.localeCompare(y, "en", { numeric: true });
    return ascending ? order : -order;
  });
  table.tBodies[0].append(...rows.map(([, row]) => row));
}

for (const table of document.querySelectorAll("table.sortable")) {
  if (table.tBodies[0].rows.length < 2) continue;
  for (const heading of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sort(table, heading));
    heading.append(button);
  }
}
