// Letters of a formula that no macro sets: a definition under the pointer, from the legends of the page and from what a
// chapter says of its letters. Nothing else defines one: a letter may mean two things on two pages. Before chapter.js.
"use strict";
globalThis.letters = (render, known, signs) => {
  const INDEX = /^[ijklpqst0-9,+\u2212=]+$/; // of units, layers, steps: the symbol is the same for all of them
  const SIZES = "TKNPnm"; // T with an index is a step, and not the number of steps
  // what stands below a letter; of what stands above, the marks that make it another symbol
  const scripts = (box) => {
    if (!box) return ["", ""];
    const rows = [...box.querySelector(".vlist").children], both = rows.length > 1, low = both || box.firstElementChild.matches(".vlist-t2");
    return [low ? rows[0].textContent : "", both || !low ? rows.at(-1).textContent.replace(/[^\u2032\u2217]/g, "") : ""];
  };
  // the symbols of a formula that have no definition yet, in reading order: each with the element to mark
  const each = function* (root) {
    for (const leaf of root.querySelectorAll(".mord")) {
      const text = leaf.textContent;
      if (leaf.firstElementChild || !/^\p{L}+$/u.test(text) || leaf.closest(".text, .accent-body, [data-s]")) continue;
      let base = leaf, accents = "";
      for (let box; (box = base.parentElement.closest(".katex-accent, .msupsub"))?.matches(".katex-accent"); base = box) accents += [...box.querySelectorAll(".accent-body")].at(-1).textContent;
      while (base.parentElement.matches(".mop, .mord") && base.parentElement.childElementCount === 1) base = base.parentElement;
      const next = base.nextElementSibling, below = next?.matches(".msupsub") ? next : null;
      if (leaf.matches(".mathrm") || text.length === 1) {
        const [low, mark] = scripts(below);
        yield { name: accents + text, low, mark, box: below ? base.parentElement : base };
      } else if (!below && !accents) { // KaTeX sets neighbours as one
        leaf.replaceChildren(...[...text].map((letter) => { const part = document.createElement("span"); part.textContent = letter; return part; }));
        for (const part of leaf.children) yield { name: part.textContent, low: "", mark: "", box: part };
      }
    }
  };
  const key = (name, low, mark) => `${name} ${low} ${mark}`;
  let count = 0;
  const add = (table, tex, says) => {
    const place = document.createElement("span"), found = [];
    render(tex, place);
    for (const symbol of each(place)) { symbol.box.dataset.s = ""; found.push(symbol); }
    // a sign that is no single symbol, as |J| or grad W, says nothing of its letters
    if (found.length !== 1 || place.querySelector(".katex-html").textContent !== found[0].box.textContent) return;
    const { name, low, mark } = found[0], id = `letter-${count++}`;
    signs[id] = [tex, says];
    const keys = [key(name, low, mark), ...(/^[ijklpqst,]+$/.test(low) ? [key(name, "*", mark)] : [])];
    for (const k of keys) if (!table.has(k)) table.set(k, id);
  };
  const sought = (table, { name, low, mark }) => {
    const exact = table.get(key(name, low, mark));
    if (exact || (low && !INDEX.test(low))) return exact;
    return (low && table.get(key(name, "", mark))) || (low || !SIZES.includes(name) ? table.get(key(name, "*", mark)) : undefined);
  };

  const tables = new Map(), table = (box) => tables.get(box) ?? tables.set(box, new Map()).get(box);
  document.querySelectorAll("dl.where").forEach((list) => {
    const place = table((list.dataset.of === "section" && list.closest("section")) || document.body);
    list.querySelectorAll("dt > .tex").forEach((sign) => {
      const says = [...sign.parentElement.nextElementSibling.childNodes].map((part) => (part.matches?.(".tex") ? `$${part.textContent}$` : part.textContent)).join("");
      add(place, sign.textContent, says);
    });
  });
  known.forEach(([tex, says]) => add(table(document.body), tex, says));
  // the expressions of the proofs have names of the code: no letter of the page is meant there
  return (el) => {
    if (el.closest(".identity")) return;
    const near = [...tables].filter(([box]) => box.contains(el)).sort(([a], [b]) => (a.contains(b) ? 1 : -1));
    for (const symbol of near.length ? each(el) : []) {
      const id = near.map(([, entries]) => sought(entries, symbol)).find(Boolean);
      if (id) symbol.box.dataset.s = id;
    }
  };
};
