"use strict";
// results of the search show the text around a word, without the source of formulas
if (typeof Search === "object") {
  const shown = Search.htmlToText;
  Search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    page.querySelectorAll(".tex").forEach((e) => { e.textContent = "\u2026"; });
    return shown(page.documentElement.outerHTML, anchor);
  };
}
