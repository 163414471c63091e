// Formulas as TeX: a button at each that stands alone, and what is selected. Needs katex.min.js to have set them.
"use strict";
(() => {
  // what the page wrote where it has macros of its own, else the text that was typed
  const source = (el) => el.dataset.tex ?? el.dataset.typed ?? el.textContent;
  const display = (el) => el.classList.contains("display");
  const latex = (el) => (display(el) ? `\\[\n${source(el).trim()}\n\\]` : `$${source(el).trim()}$`);

  // a page from a file has no clipboard in some browsers: there the old command copies a field
  const old = (text) => {
    const field = document.createElement("textarea"), before = document.activeElement;
    field.value = text;
    field.className = "aside";
    document.body.append(field);
    field.select();
    const done = document.execCommand("copy");
    field.remove();
    before?.focus({ preventScroll: true });
    return done;
  };
  const put = async (text) => {
    try { await navigator.clipboard.writeText(text); return true; } catch { return old(text); }
  };
  const said = document.createElement("div");
  said.className = "aside";
  said.setAttribute("role", "status");
  document.body.append(said);
  const copy = async (button, text) => {
    const done = await put(text), word = done ? "copied" : "not copied: select it and copy";
    button.dataset.before ??= button.textContent;
    button.textContent = said.textContent = word;
    setTimeout(() => { button.textContent = button.dataset.before; said.textContent = ""; }, 1800);
  };

  const offer = (box, number, text) => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "take";
    button.textContent = "TeX";
    button.title = "Copy as LaTeX";
    button.setAttribute("aria-label", number ? `Copy formula ${number} as LaTeX` : "Copy this formula as LaTeX");
    button.addEventListener("click", () => copy(button, text()));
    box.append(button);
  };
  document.querySelectorAll(".eq").forEach((box) => {
    const el = box.querySelector(":scope > .tex.display");
    const number = (box.querySelector(".no") ?? box.closest("li")?.querySelector(":scope > .no"))?.textContent.replace(/[()]/g, "");
    if (el) offer(box, number, () => latex(el));
  });
  // rows of equations that were written as plain text
  document.querySelectorAll(".eqs > .n").forEach((cell, k) => {
    const number = document.createElement("span");
    number.className = "no";
    number.textContent = `(${k + 1})`;
    cell.append(number);
    offer(cell, k + 1, () => `\\[\n${cell.dataset.tex}\n\\]`);
  });
  document.querySelectorAll("button.copy").forEach((b) => b.addEventListener("click", () => copy(b, b.nextElementSibling.textContent)));

  // a selection with formulas in it is copied with their TeX; one that begins or ends inside a formula has it whole
  const whole = (node) => (node.nodeType === 1 ? node : node.parentElement)?.closest(".tex.set");
  document.addEventListener("copy", (event) => {
    const selection = getSelection();
    if (event.target.closest?.("textarea, input") || selection.isCollapsed || !event.clipboardData) return;
    const range = selection.getRangeAt(0).cloneRange(), first = whole(range.startContainer);
    if (first) range.setStartBefore(first); // else a part of one formula would be cloned without the formula around it
    const part = document.createElement("div");
    part.className = "aside";
    part.append(range.cloneContents());
    const found = part.querySelectorAll(".tex.set");
    if (!found.length) return;
    found.forEach((el) => {
      const tex = document.createElement(display(el) ? "div" : "span");
      tex.style.whiteSpace = "pre-wrap";
      tex.textContent = latex(el);
      el.replaceWith(tex);
    });
    part.querySelectorAll("button.take").forEach((b) => b.remove());
    document.body.append(part); // as it is laid out: paragraphs are lines of their own
    event.clipboardData.setData("text/plain", part.innerText);
    event.clipboardData.setData("text/html", part.innerHTML);
    part.remove();
    event.preventDefault();
  });
})();
