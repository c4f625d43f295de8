// Conveniences for staff; every page works without them.
"use strict";

const TYPING = "input:not([type=checkbox]):not([type=radio]):not([type=submit]), select, textarea";

// data-key="n": the key that presses or follows the element while nobody types.
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.target.closest("form")?.requestSubmit();
    return;
  }
  const typing = event.target.matches(TYPING) || event.isComposing;
  if (event.key === "Escape" && typing) event.target.blur();
  const writes = typing && !/^F\d+$/.test(event.key);
  if (writes || event.ctrlKey || event.metaKey || event.altKey) return;
  const found = document.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
  if (!found) return;
  event.preventDefault();
  if (found.matches(TYPING)) { found.focus(); found.select?.(); } else found.click();
});

// A second press while the first is under way would only make the server say it again.
document.addEventListener("submit", (event) => {
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "yes";
});
window.addEventListener("pageshow", () => {
  for (const form of document.forms) delete form.dataset.sent;
});

// data-roll: a picture for a roll of paper, whose page is as long as the picture.
for (const picture of document.querySelectorAll("[data-roll]")) {
  window.addEventListener("load", () => {
    const sheet = document.styleSheets[0];
    const length = Math.ceil(72.07 * picture.naturalHeight / picture.naturalWidth) + 1;
    sheet.insertRule(`@page roll80 { size: 80mm ${length}mm }`, sheet.cssRules.length);
  });
}

// data-now: a field that keeps the present Beijing minute, by the server's clock, until it is typed
// in; pages are opened long before they are sent.
for (const field of document.querySelectorAll("[data-now]")) {
  const offset = Number(field.dataset.now) + 8 * 3600e3 - performance.now();
  let shown = field.value;
  setInterval(() => {
    if (field.value !== shown) return;
    const now = new Date(offset + performance.now()).toISOString();
    field.value = shown = now.slice(0, 16).replace("T", " ");
  }, 5000);
}

// data-print: a button that opens the printer's dialogue; with the value "now", by itself.
for (const button of document.querySelectorAll("[data-print]")) {
  button.addEventListener("click", () => window.print());
  if (button.dataset.print === "now") window.addEventListener("load", () => window.print());
}

// data-check-all: ticks every box of that name.
for (const box of document.querySelectorAll("[data-check-all]")) {
  box.addEventListener("change", () => {
    for (const one of document.getElementsByName(box.dataset.checkAll)) one.checked = box.checked;
  });
}
