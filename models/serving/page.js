
"use strict";
const at = (id) => document.getElementById(id);
const give = at("give").dataset;
let asked = null; // what is under way; a photo that is given meanwhile takes its place
let example = 0;
let shown = []; // addresses of the pictures on the page, which hold memory until they are let go

/** An element; what comes from outside always goes in as text, never as markup. */
function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

const percent = (share) => `${Math.round(share * 100)} %`;
const faces = (count) => `${count} ${count === 1 ? "face" : "faces"}`;

// ---- asking

async function ask(path, body, says, name) {
  if (asked) asked.abort();
  const mine = (asked = new AbortController());
  at("error").replaceChildren();
  at("state").replaceChildren(says, make("progress", { ariaLabel: says }));
  const options = { method: "POST", body, signal: mine.signal };
  if (body) options.headers = { "Content-Type": body.type.startsWith("image/") ? body.type : "application/octet-stream" };
  try {
    const response = await fetch(path, options);
    if (!response.ok) throw new Error(await reason(response));
    show(await response.formData(), name);
  } catch (error) {
    if (mine !== asked) return;
    fail(error instanceof TypeError ? "The page’s server does not answer. Is occset serve still running?" : error.message);
  } finally {
    if (mine === asked) { asked = null; at("state").replaceChildren(); }
  }
}

async function reason(response) {
  try {
    return (await response.json()).error;
  } catch {
    return `The server answered ${response.status}.`;
  }
}

function fail(words) {
  at("error").textContent = words;
}

function take(files) {
  if (!files.length) return;
  const file = files[0];
  if (file.size > give.megabytes * 2 ** 20) {
    fail(`${file.name} has ${(file.size / 2 ** 20).toFixed(0)} MB: a photo may have ${give.megabytes} MB at most.`);
    return;
  }
  ask("deocclude", file, files.length > 1 ? "Working on the first of these photos …" : "Working on the photo …", file.name.replace(/\.[^.]*$/, "") || "photo");
}

// ---- showing

function show(form, name) {
  const about = JSON.parse(form.get("about"));
  for (const address of shown) URL.revokeObjectURL(address);
  shown = [];
  const picture = (which) => {
    shown.push(URL.createObjectURL(form.get(which)));
    return shown[shown.length - 1];
  };
  at("before").src = picture("before");
  at("after").src = picture("after");
  at("stage").classList.toggle("small", Math.max(about.width, about.height) < 480);
  for (const [id, which, what] of [["save", "whole", "deoccluded"], ["save-mask", "mask", "mask"]]) {
    at(id).href = picture(which);
    at(id).download = `${name}-${what}.png`;
    at(id).hidden = !about.changed;
  }
  at("summary").textContent = summary(about);
  at("faces").replaceChildren(...about.faces.map((face, number) => faceOf(face, number, picture)));
  at("split").value = 50;
  split();
  at("result").hidden = false;
  at("result").focus();
}

function summary(about) {
  const painted = about.faces.filter((face) => face.painted).length;
  const words = [`${about.width} × ${about.height} pixels, ${faces(about.faces.length)}`];
  words.push(painted ? (painted < about.faces.length ? `${painted} repaired` : "repaired") : "nothing hides a face here: the photo is as it was");
  if (about.left) words.push(`${about.left} more, smaller ones, were left as they are`);
  if (about.doubt) words.push(about.doubt);
  return `${words.join("; ")}.`;
}

function faceOf(face, number, picture) {
  const title = `Face ${number + 1}`;
  const tile = (which, caption, alt) => make("figure", {}, make("img", { src: picture(`face-${number}-${which}`), alt: `${title}: ${alt}` }), make("figcaption", {}, caption));
  return make("div", { className: "face" },
    make("h3", {}, title),
    make("p", {}, face.painted ? `${percent(face.share)} of the face was found hidden, and was painted.` : "Nothing hides it; it was left as it was."),
    make("div", { className: "tiles" },
      tile("crop", "As it came", "as it came"),
      tile("hidden", "Mask: found hidden, in green", "what was found hidden, tinted green"),
      tile("render", "Render: the whole face as the model draws it", "the face that the model draws"),
      tile("outcome", face.painted ? "Outcome" : "Outcome: left as it was", "the outcome")));
}

function split() {
  const value = at("split").value;
  at("stage").style.setProperty("--split", value / 100);
  at("split").setAttribute("aria-valuetext", `${value} % of the width shows the photo before`);
}

// ---- giving

at("file").addEventListener("change", () => { take(at("file").files); at("file").value = ""; });
at("example").addEventListener("click", () => {
  ask(`example/${example % give.examples}`, null, "Drawing a face and working on it …", `built-in-${example % give.examples}`);
  example += 1;
});
at("split").addEventListener("input", split);
document.addEventListener("dragover", (event) => { event.preventDefault(); document.body.classList.add("over"); });
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("over"); });
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("over");
  take(event.dataTransfer.files);
});
document.addEventListener("paste", (event) => take(event.clipboardData.files));
split();
