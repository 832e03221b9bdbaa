"use strict";
/* Filters show what is all of what was chosen; without this the page shows everything. */

const figures = [...document.querySelectorAll("figure")];
const filters = [...document.querySelectorAll("[data-filter]")];
const gallery = document.querySelector(".gallery");
const role = (name) => document.querySelector(`[data-role=${name}]`);

const is = (figure, name, value) =>
  name === "flag" ? figure.dataset.flags.split("\n").includes(value) : figure.dataset[name] === value;

function show() {
  const chosen = filters.filter((one) => one.value).map((one) => [one.dataset.filter, one.value]);
  let count = 0;
  for (const figure of figures) {
    figure.hidden = !chosen.every(([name, value]) => is(figure, name, value));
    count += !figure.hidden;
  }
  role("count").textContent = `${count} of ${figures.length} pictures`;
  role("none").hidden = count > 0;
}

for (const one of filters) one.addEventListener("change", show);
role("outlines").addEventListener("change", (event) => gallery.classList.toggle("bare", !event.target.checked));
document.querySelector(".filters").hidden = false;
show();
