"use strict";
// What the search of Sphinx is told: where to look first, other words for the same, what to show of a page.
if (typeof Search === "object") {
  // results show the text around a word, without the source of formulas
  const shown = Search.htmlToText;
  Search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    page.querySelectorAll(".tex").forEach((e) => { e.textContent = "\u2026"; });
    return shown(page.documentElement.outerHTML, anchor);
  };
  // a page from a file may read no other: every text around a word would be an error on the console
  if (typeof location === "object" && location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;

  const GREEK = Object.fromEntries("α:alpha β:beta γ:gamma δ:delta ε:epsilon ζ:zeta η:eta θ:theta κ:kappa λ:lambda μ:mu ν:nu ξ:xi π:pi ρ:rho σ:sigma τ:tau φ:phi χ:chi ψ:psi ω:omega".split(" ").map((pair) => pair.split(":")));
  const LETTERS = new Set(Object.values(GREEK));
  const SAME = [["eprop", "e-prop"], ["surrogate", "pseudo-derivative"], ["bptt", "backpropagation through time"]];
  // what is read before what is looked up, and both before long lists
  const ROOMS = [
    [/^explanation\/glossary$/, 18], [/^(start|derivations\/|tutorials\/|howto\/)/, 14], [/^explanation\//, 10],
    [/^reference\/(?!api|commands|schemas)/, 12], [/^mathematics\//, -2], [/^(mutation|claims|claims_of_papers|certificates|theorems)\b/, -16],
  ];
  const flat = (text) => text.toLowerCase().replace(/[^\p{Letter}\p{Number}]+/gu, "");
  let asked = "";
  Scorer.score = ([page, title, , , score, , kind]) => {
    const room = ROOMS.find(([name]) => name.test(page))?.[1] ?? 0, name = flat(page.split("/").at(-1));
    // a page that is about the word, or that lists all of its kind; functions and classes come after pages
    const about = asked.length > 2 && kind !== "object" && (name === asked || name === `${asked}s` ? 26 : flat(title).includes(asked) || name.includes(asked) ? 18 : 0);
    const table = LETTERS.has(asked) && page === "reference/symbols" ? 30 : 0;
    return score + room + (about || 0) + table - (kind === "object" ? 10 : 0);
  };
  const variants = (query) => {
    const typed = query.trim().toLowerCase().replace(/\p{Script=Greek}/gu, (letter) => GREEK[letter] ?? letter), words = flat(typed);
    const others = SAME.filter((group) => group.some((word) => words.includes(flat(word)))).flat().filter((word) => !words.includes(flat(word)) || typed !== word);
    return [...new Set([...others, typed])]; // what was typed last: its words are marked on the pages that are found
  };
  const search = Search._performSearch;
  Search._performSearch = (query) => {
    const found = new Map();
    for (const words of variants(query)) {
      asked = flat(words);
      for (const result of search(...Search._parseQuery(words))) {
        const place = `${result[0]} ${result[2]} ${result[3]}`;
        if (!(found.get(place)?.[4] >= result[4])) found.set(place, result);
      }
    }
    // the last is shown first
    return [...found.values()].sort((a, b) => a[4] - b[4] || (a[1].toLowerCase() < b[1].toLowerCase() ? 1 : -1));
  };
}
