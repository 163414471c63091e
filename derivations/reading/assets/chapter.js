// A page: formulas, definitions under the pointer, the example. Needs katex.min.js and letters.js; the example needs engine.js.
"use strict";
(() => {
  const known = document.getElementById("symbols-data");
  const { macros, signs, letters: own } = known ? JSON.parse(known.textContent) : { macros: {}, signs: {}, letters: [] };
  const options = { trust: true, strict: "ignore", throwOnError: false, output: "htmlAndMathml" };
  const lettered = letters((tex, place) => katex.render(tex, place, { ...options, macros: { ...macros } }), own, signs);
  // KaTeX lets a line end after any relation or sign: here not between brackets that are open, and where formulas stand
  // side by side between them first
  const wrapped = (pieces) => {
    const box = document.createElement("span");
    box.className = "unbroken";
    pieces[0].before(box);
    box.append(...pieces);
    return box;
  };
  const whole = (el) => {
    for (const html of el.querySelectorAll(".katex-display > .katex > .katex-html")) {
      let depth = 0, inside = [], side = [];
      for (const base of [...html.querySelectorAll(":scope > .katex-base")]) {
        const before = depth;
        // what stands in a fraction, under a root or in a table is one piece already
        for (const sign of base.querySelectorAll(".mopen, .mclose")) if (!sign.closest(".minner, .mfrac, .sqrt, .vlist-t, .mtable") && !sign.parentElement.closest(".mopen, .mclose")) depth = Math.max(0, depth + (sign.classList.contains("mopen") ? 1 : -1));
        if (before || depth) inside.push(base);
        if (inside.length && !depth) { wrapped(inside); inside = []; }
      }
      if (inside.length) wrapped(inside);
      if (!html.querySelector(".allowbreak")) continue;
      for (const piece of [...html.children]) {
        side.push(piece);
        if (piece !== html.lastElementChild && !piece.querySelector(".allowbreak")) continue;
        if (side.length > 1 && side.reduce((sum, part) => sum + part.getBoundingClientRect().width, 0) <= el.clientWidth) wrapped(side);
        side = [];
      }
    }
  };
  // a formula in the line: punctuation stays with it, a product stays on its line, and where it is kept together a narrow
  // page may end a line between its pieces all the same
  const kept = (el) => {
    for (const html of el.querySelectorAll(".katex-html")) {
      let product = [];
      for (const base of [...html.querySelectorAll(":scope > .katex-base")]) {
        product.push(base);
        const signs = [...base.children].filter((part) => !part.matches(".mspace, .strut"));
        if (signs.at(-1)?.matches(".mbin") && /[\u22c5\u00d7]/.test(signs.at(-1).textContent)) continue;
        if (product.length > 1) wrapped(product);
        product = [];
      }
      if (product.length > 1) wrapped(product);
    }
    const next = el.nextSibling, marks = next?.nodeType === 3 && !el.closest(".keep") && next.data.match(/^[.,;:!?)\]\u2019\u201d]+/);
    if (marks) {
      const box = document.createElement("span");
      box.className = "keep";
      next.splitText(marks[0].length);
      el.before(box);
      box.append(el, next);
    }
    if (el.closest(".keep")) for (const html of el.querySelectorAll(".katex-html")) [...html.children].slice(1).forEach((part) => part.before(document.createElement("wbr")));
  };
  // one stop of the Tab key for a displayed formula; arrow keys go through its symbols
  const reachable = (el) => {
    if (!el.querySelector("[data-s]")) return;
    Object.assign(el, { tabIndex: 0 });
    el.setAttribute("role", "group");
    el.setAttribute("aria-label", "formula");
    el.setAttribute("aria-description", "Left and right arrow keys explain its symbols one by one.");
  };
  let walked = 0; // when: a scroll that it makes itself hides nothing
  const walk = (event) => {
    const el = event.target.closest?.(".tex.display[tabindex]"), step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!el || !step || event.ctrlKey || event.altKey || event.metaKey) return;
    // as one reads, which is not the order of an array's columns
    const all = [...el.querySelectorAll("[data-s]")].filter((s) => signs[s.dataset.s]).map((s) => ({ s, r: s.getBoundingClientRect() }))
      .sort((a, b) => (a.r.bottom <= b.r.top + 2 ? -1 : b.r.bottom <= a.r.top + 2 ? 1 : a.r.left - b.r.left)).map(({ s }) => s), at = all.indexOf(on);
    event.preventDefault();
    const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : (at + step + all.length) % all.length];
    walked = performance.now();
    next.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "instant" });
    show(next);
  };
  const set = (el) => {
    if (el.dataset.set) return;
    const text = el.textContent;
    katex.render(text.replaceAll("\\qquad", "\\qquad\\allowbreak "), el, { ...options, displayMode: el.classList.contains("display"), macros: { ...macros } });
    el.querySelectorAll("annotation").forEach((source) => source.remove()); // the source is for copying; macros are no TeX
    lettered(el);
    if (el.classList.contains("display")) { whole(el); reachable(el); } else kept(el);
    el.dataset.set = text.slice(0, 80);
    el.dataset.typed ??= text; // for copy.js
    el.classList.add("set");
  };
  const open = (el) => { for (let box = el.closest("details"); box; box = box.parentElement.closest("details")) if (!box.open) return false; return true; };
  document.querySelectorAll(".tex").forEach((el) => { if (open(el)) set(el); });
  // what is folded is set when it is opened
  document.addEventListener("toggle", (event) => event.target.querySelectorAll?.(".tex").forEach((el) => { if (open(el)) set(el); }), true);
  addEventListener("beforeprint", () => document.querySelectorAll(".tex").forEach(set));

  // definitions
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.setAttribute("role", "tooltip");
  tip.setAttribute("aria-live", "polite"); // is read out when it changes
  document.body.append(tip);
  let on = null;
  const hide = () => { tip.classList.remove("show"); if (on) on.classList.remove("on"); on = null; };
  const filled = (text) => text.split(/(\$[^$]+\$)/).map((part) => (part.startsWith("$") ? katex.renderToString(part.slice(1, -1), { ...options, macros: { ...macros } }) : part.replace(/&/g, "&amp;").replace(/</g, "&lt;"))).join("");
  const show = (el) => {
    if (on === el) return;
    hide();
    const entry = signs[el.dataset.s];
    if (!entry) return;
    on = el;
    el.classList.add("on");
    tip.innerHTML = `${filled(`$${entry[0]}$`)} &ensp;${filled(entry[1])}`;
    tip.querySelectorAll("annotation").forEach((source) => source.remove());
    const r = el.getBoundingClientRect(), w = tip.offsetWidth, h = tip.offsetHeight, wide = document.documentElement.clientWidth;
    const left = Math.max(8, Math.min(r.left + r.width / 2 - w / 2, wide - w - 8));
    const keep = (el.closest(".eq") ?? el).getBoundingClientRect(); // the formula itself stays in sight
    const above = keep.bottom + h + 12 > innerHeight && keep.top - h - 6 > 4;
    tip.style.left = `${left + scrollX}px`;
    tip.style.top = `${(above ? keep.top - h - 6 : keep.bottom + 6) + scrollY}px`;
    tip.classList.add("show");
  };
  const symbol = (event) => event.target.closest?.("[data-s]");
  document.addEventListener("pointerover", (event) => { const el = symbol(event); if (el) show(el); else if (event.pointerType === "mouse") hide(); });
  document.addEventListener("click", (event) => { const el = symbol(event); if (el) show(el); else hide(); });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); else walk(event); });
  document.addEventListener("focusout", hide);
  addEventListener("resize", hide);
  document.addEventListener("scroll", () => { if (performance.now() - walked > 150) hide(); }, { passive: true, capture: true });

  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let box = target?.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
    if (target?.closest("details")) target.scrollIntoView();
  };
  addEventListener("hashchange", reveal);
  reveal();

  // the example
  const lab = document.querySelector(".lab");
  if (!lab) return;
  const spec = JSON.parse(lab.querySelector("script.spec").textContent), form = lab.querySelector("form");
  const minus = (text) => text.replace("-", "−");
  // a count has no decimals, how large it ever is; one that was computed may be a rounding error off
  const counted = (v) => Number.isInteger(v) || (Math.abs(v) >= 1000 && Math.abs(v - Math.round(v)) < 1e-9 * Math.abs(v));
  const number = (v, digits = 4) => (v === null ? "" : v === undefined || Number.isNaN(v) ? "–" : Math.abs(v) < 5e-15 ? "0" : counted(v) ? minus(String(Math.round(v))) : minus(v.toFixed(digits)));
  const MOST = 10; // of what all but vanishes, a difference is any number of percent
  const percent = (v) => (!Number.isFinite(v) ? "–" : v < 1e-12 ? "0 %" : v < 0.001 ? "< 0.1 %" : v > MOST ? `over ${100 * MOST} %` : `${(100 * v).toFixed(v < 0.1 ? 1 : 0)} %`);
  const gap = (v) => (v === 0 ? "0" : v < 1e-12 ? v.toExponential(1).replace(/e-(\d+)/, "·10<sup>−$1</sup>") : number(v, 6));
  const share = (v) => (Math.abs(v) > MOST ? `${v < 0 ? "below −" : "over "}${100 * MOST} %` : minus(`${Math.round(100 * v) || 0} %`)); // may be negative
  const FORMS = { percent, share, gap, long: (v) => number(v, 6), factor: (v) => (number(v).startsWith("−") ? `(${number(v)})` : number(v)) };

  function dots(all, chosen) {
    const width = 440, left = 52, right = 18, row = 26, top = 16;
    const reach = Math.max(0.1, ...all.flatMap((u) => [Math.abs(u.online), Math.abs(u.exact)])) * 1.08;
    const x = (v) => left + ((v + reach) / (2 * reach)) * (width - left - right), bottom = top + row * all.length;
    const grid = [0.02, 0.05, 0.1, 0.25, 0.5, 1, 2, 5].find((g) => reach / g < 3.5) ?? 10;
    let svg = "";
    for (let k = -Math.floor(reach / grid); k <= reach / grid; k++)
      svg += `<line x1="${x(k * grid).toFixed(1)}" x2="${x(k * grid).toFixed(1)}" y1="${top - 6}" y2="${bottom}" class="${k ? "grid" : "axis"}"/><text x="${x(k * grid).toFixed(1)}" y="${bottom + 16}" class="tick">${minus(String(Math.round(k * grid * 100) / 100))}</text>`;
    all.forEach((u, k) => {
      const y = top + row * (k + 0.5);
      svg += `<text x="12" y="${y + 4}" class="m${k === chosen ? " now" : ""}">${u.name[0]}<tspan class="sub" dy="4">${u.name.slice(1)}</tspan></text>`;
      if (Math.abs(u.online - u.exact) > 1e-9) svg += `<line x1="${x(u.exact).toFixed(1)}" x2="${x(u.online).toFixed(1)}" y1="${y}" y2="${y}" class="gap"/>`;
      svg += `<circle cx="${x(u.exact).toFixed(1)}" cy="${y}" r="7.5" class="ring"/><circle cx="${x(u.online).toFixed(1)}" cy="${y}" r="3.6" class="dot"/>`;
    });
    return `<svg viewBox="0 0 ${width} ${bottom + 24}" role="img" aria-label="Gradient of each weight: rings backwards, dots forwards">${svg}</svg>`;
  }
  const read = () => {
    const s = { weight: +(form.weight?.value ?? 0), cut: [...form.querySelectorAll("[name=cut]:checked")].map((c) => c.value) };
    form.querySelectorAll("input[type=range]").forEach((c) => { s[c.name] = +c.value; });
    if (form.form) s.form = form.form.value;
    if (form.descents) s.descents = +form.descents.value;
    return s;
  };
  const render = () => {
    const s = read();
    if (form.output) spec.layers.forEach((layer) => { if (layer.p.output) layer.p.output = form.output.value; });
    const { out, all } = spec.parts ? Engine.flat(spec, s) : Engine.numbers(spec, s);
    form.querySelectorAll("input[type=range]").forEach((c) => { form[`o-${c.name}`].value = minus((+c.value).toFixed(c.step >= 1 ? 0 : 2)); });
    document.querySelectorAll("[data-k]").forEach((el) => { el.innerHTML = (FORMS[el.dataset.form] ?? ((v) => number(v)))(out[el.dataset.k]); });
    const box = lab.querySelector(".dots");
    if (box && all) box.innerHTML = dots(all, s.weight);
    const state = Engine.state(out, s.cut);
    lab.classList.toggle("broken", ["cut", "apart"].includes(state) && lab.dataset.exact === "yes");
    document.querySelectorAll("[data-when]").forEach((el) => { el.hidden = !el.dataset.when.split(" ").includes(state); });
    document.querySelectorAll("[data-output]").forEach((el) => { el.hidden = form.output && el.dataset.output !== form.output.value; });
  };
  form.addEventListener("input", render);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.querySelector("button").addEventListener("click", () => { form.reset(); render(); });
  form.reset();
  render();
})();
