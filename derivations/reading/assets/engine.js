// The engine of the examples: small networks, forwards and backwards in time, generic in the links of a cell.
// Links come from the cells of gradcert (Python) with the page; here are the steps of the cells and their local
// derivatives. A rule is a set of kept edges, a mistake a change of one link's term. tests/derivations/
// test_examples.py compares all of it with gradcert's own engines.
"use strict";
const Engine = (() => {
const sigmoid = (u) => 1 / (1 + Math.exp(-u));
const SLOPES = {
  tanh: (u) => 1 - Math.tanh(u) ** 2,
  triangle: (u) => 0.3 * Math.max(0, 1 - Math.abs(u)),
  sigmoid: (u) => 4 * sigmoid(4 * u) * (1 - sigmoid(4 * u)),
};
const map = (n, f) => Array.from({ length: n }, (_, i) => f(i));

// what leaves a unit whose distance to the threshold is u: a step with a pseudo-derivative, or a sigmoid with its own
const out = (p, u) => (p.output === "sigmoid" ? sigmoid(u) : (p.strict ? u > 0 : u >= 0) ? 1 : 0);
const psi = (p, u) => (p.output === "sigmoid" ? sigmoid(u) * (1 - sigmoid(u)) : SLOPES[p.surrogate](u));

const CELLS = {
  snu: {
    step: (p, a, b) => {
      const drive = a.map((u, i) => u + p.leak * b.v[i] * (1 - b.z[i]));
      const v = drive.map(Math.tanh);
      return { a: drive, v, z: v.map((u) => out(p, u - p.threshold)) };
    },
    factors: (p, b, q) => ({
      "a<v:state": b.z.map((z) => p.leak * (1 - z)),
      "a<z:reset": b.v.map((v) => -p.leak * v),
      "v<a:space": q.v.map((v) => 1 - v * v),
      "z<v:space": q.v.map((v) => psi(p, v - p.threshold)),
    }),
  },
  lif: {
    step: (p, a, b) => {
      const kept = (i) => (p.reset === "hard" ? b.v[i] * (1 - b.z[i]) : b.v[i] - p.threshold * b.z[i]);
      const v = a.map((u, i) => p.leak * kept(i) + u);
      return { a, v, z: v.map((u) => out(p, u - p.threshold)) };
    },
    factors: (p, b, q) => ({
      "v<a:space": q.v.map(() => 1),
      "v<v:state": b.z.map((z) => (p.reset === "hard" ? p.leak * (1 - z) : p.leak)),
      "v<z:reset": b.v.map((v) => (p.reset === "hard" ? -p.leak * v : -p.leak * p.threshold)),
      "z<v:space": q.v.map((v) => psi(p, v - p.threshold)),
    }),
  },
  alif: {
    step: (p, a, b) => {
      const k = b.k.map((u, i) => p.rho * u + b.z[i]);
      const v = a.map((u, i) => p.leak * b.v[i] + u - p.threshold * b.z[i]);
      return { a, k, v, z: v.map((u, i) => out(p, u - (p.threshold + p.beta * k[i]))) };
    },
    factors: (p, b, q) => {
      const slope = q.v.map((v, i) => psi(p, v - (p.threshold + p.beta * q.k[i])));
      return {
        "k<k:state": q.k.map(() => p.rho),
        "k<z:adaptation": q.k.map(() => 1),
        "v<a:space": q.v.map(() => 1),
        "v<v:state": q.v.map(() => p.leak),
        "v<z:reset": q.v.map(() => -p.threshold),
        "z<v:space": slope,
        "z<k:space": slope.map((u) => -p.beta * u),
      };
    },
  },
  integrator: {
    step: (p, a, b) => ({ a, z: a.map((u, i) => p.kappa * b.z[i] + u) }),
    factors: (p, b, q) => ({ "z<a:space": q.z.map(() => 1), "z<z:state": q.z.map(() => p.kappa) }),
  },
  lstm: {
    step: (p, a, b) => {
      const [i, f, o] = ["ai", "af", "ao"].map((name) => a[name].map(sigmoid)), g = a.ag.map(Math.tanh);
      const c = b.c.map((u, n) => f[n] * u + i[n] * g[n]);
      return { ...a, i, f, g, c, o, z: c.map((u, n) => o[n] * Math.tanh(u)) };
    },
    factors: (p, b, q) => ({
      "i<ai:space": q.i.map((u) => u * (1 - u)),
      "f<af:space": q.f.map((u) => u * (1 - u)),
      "g<ag:space": q.g.map((u) => 1 - u * u),
      "o<ao:space": q.o.map((u) => u * (1 - u)),
      "c<c:state": q.f,
      "c<i:space": q.g,
      "c<f:space": b.c,
      "c<g:space": q.i,
      "z<c:space": q.c.map((u, n) => q.o[n] * (1 - Math.tanh(u) ** 2)),
      "z<o:space": q.c.map(Math.tanh),
    }),
  },
  rnn: {
    step: (p, a) => ({ a, z: a.map(Math.tanh) }),
    factors: (p, b, q) => ({ "z<a:space": q.z.map((z) => 1 - z * z) }),
  },
};
const key = (link) => `${link.target}<${link.source}:${link.edge}`;

// every node of every step, with the local derivatives; `before` is the state at the start
function forwards(net, xs, ys, before) {
  const rest = (layer) => Object.fromEntries(layer.nodes.map((n) => [n, map(layer.units, () => 0)]));
  const steps = [{ layers: net.layers.map((l, i) => ({ now: before ? before[i] : rest(l) })) }];
  let loss = 0;
  xs.forEach((input, t) => {
    const past = steps[t].layers, layers = [];
    net.layers.forEach((layer, l) => {
      const x = l ? layers[l - 1].now.z : input, b = past[l].now;
      const drives = {}; // of every node that weights feed; most cells have one
      for (const link of layer.links.filter((k) => k.weight)) {
        const source = link.source === "x" ? x : b[link.source];
        drives[link.target] ??= map(layer.units, (i) => (layer.b ? layer.b[i] : 0));
        layer[link.weight].forEach((row, i) => row.forEach((w, j) => (drives[link.target][i] += w * source[j])));
      }
      const cell = CELLS[layer.cell], now = cell.step(layer.p, drives.a ?? drives, b);
      layers.push({ x, now, f: cell.factors(layer.p, b, now) });
    });
    const error = layers.at(-1).now.z.map((z, k) => z - ys[t][k]);
    loss += error.reduce((s, u) => s + (u * u) / 2, 0);
    steps.push({ layers, error });
  });
  return { steps, loss };
}

const keeps = (rule, net, l, own) => {
  if (l === own) return rule.own;
  return net.layers[l].cell === "integrator" ? [...rule.upper, ...rule.readout] : rule.upper;
};

// which units a weight into a unit reaches within n steps: masks[unit it feeds][unit reached], from connections alone
function reach(layer, n) {
  const heard = layer.H.map((row, i) => row.map((_, j) => !(layer.absent ?? []).some(([a, b]) => a === i && b === j)));
  let found = layer.H.map((_, i) => layer.H.map((_, j) => i === j));
  for (let k = 1; k < n; k++) found = found.map((row) => row.map((kept, i) => kept || row.some((u, j) => u && heard[i][j])));
  return found;
}

// forwards in time: how every node answers to one parameter, over the kept edges. `term` may change what one link adds.
function online(net, steps, w, rule, term = (link, u) => u) {
  const zero = (layer) => Object.fromEntries(layer.nodes.map((n) => [n, map(layer.units, () => 0)]));
  let past = net.layers.map(zero), sum = 0;
  const rows = [], mask = rule.reach ? reach(net.layers[w.layer], rule.reach) : null;
  const masked = (u, i) => ((rule.turned ? mask[i][w.i] : mask[w.i][i]) ? u : 0);
  for (let t = 1; t < steps.length; t++) {
    const now = [];
    net.layers.forEach((layer, l) => {
      const d = zero(layer), q = steps[t].layers[l], kept = keeps(rule, net, l, w.layer);
      now.push(d);
      if (l < w.layer) return;
      for (const node of layer.nodes) {
        for (const link of layer.links.filter((k) => k.target === node)) {
          const matrix = link.weight ? layer[link.weight] : null, cut = link.lag && !kept.includes(link.edge);
          const from = cut ? null : link.lag ? past[l][link.source] : link.source === "x" ? (l > w.layer ? now[l - 1].z : null) : d[link.source];
          for (let i = 0; i < layer.units; i++) {
            const add = (j, factor, ds) => (d[node][i] += term(link, factor * ds, { t, l, i, j, factor, ds, past: past[l], q, b: steps[t - 1].layers[l], layer }));
            if (from && matrix) from.forEach((ds, j) => add(j, matrix[i][j], ds));
            else if (from) add(i, q.f[key(link)][i], from[i]);
          }
          if (link.weight && l === w.layer && link.weight === w.name) {
            const source = link.source === "x" ? q.x[w.j] : steps[t - 1].layers[l].now.z[w.j];
            d[node][w.i] += term({ ...link, use: true }, source, { t, l, i: w.i, j: w.j, q, b: steps[t - 1].layers[l], layer });
          }
        }
        if (w.name === "b" && l === w.layer && node === "a") d.a[w.i] += term({ use: true, weight: "b" }, 1, { t, l, i: w.i, layer });
        if (mask && l === w.layer && !rule.late) d[node] = d[node].map(masked);
      }
    });
    const part = steps[t].error.reduce((s, u, k) => s + u * now.at(-1).z[k], 0);
    rows.push({ d: now, part, sum: (sum += part) });
    past = mask && rule.late ? now.map((d, l) => (l === w.layer ? Object.fromEntries(Object.entries(d).map(([k, u]) => [k, u.map(masked)])) : d)) : now;
  }
  return { rows, total: sum };
}

// backwards in time, written on its own: credit of every node of the layers from `own` on
function backwards(net, steps, own, rule) {
  let later = null;
  const rows = [], grad = {};
  const layer0 = net.layers[own];
  const feeding = layer0.links.filter((k) => k.weight);
  for (const { weight } of feeding) grad[weight] = layer0[weight].map((r) => r.map(() => 0));
  if (layer0.b) grad.b = layer0.b.map(() => 0);
  for (let t = steps.length - 1; t >= 1; t--) {
    const credit = [];
    for (let l = net.layers.length - 1; l >= own; l--) {
      const layer = net.layers[l], q = steps[t].layers[l], kept = keeps(rule, net, l, own), c = {};
      for (const node of [...layer.nodes].reverse()) {
        c[node] = map(layer.units, (i) => {
          let u = 0;
          if (node === "z") {
            if (l === net.layers.length - 1) u += steps[t].error[i];
            else net.layers[l + 1].W.forEach((row, k) => (u += row[i] * credit[l + 1].a[k]));
          }
          for (const link of layer.links) {
            if (link.source !== node) continue;
            if (!link.lag) u += q.f[key(link)][i] * c[link.target][i];
            else if (later && kept.includes(link.edge)) {
              if (link.weight) layer[link.weight].forEach((row, k) => (u += row[i] * later[l][link.target][k]));
              else u += steps[t + 1].layers[l].f[key(link)][i] * later[l][link.target][i];
            }
          }
          return u;
        });
      }
      credit[l] = c;
    }
    const q = steps[t].layers[own], b = steps[t - 1].layers[own].now;
    const use = (link, i, j) => credit[own][link.target][i] * (link.source === "x" ? q.x : b[link.source])[j];
    for (const link of feeding) grad[link.weight].forEach((row, i) => row.forEach((_, j) => (row[j] += use(link, i, j))));
    if (grad.b) credit[own].a.forEach((u, i) => (grad.b[i] += u));
    rows.unshift({ credit, part: (w) => (w.name === "b" ? credit[own].a[w.i] : use(feeding.find((k) => k.weight === w.name), w.i, w.j)) });
    later = credit;
  }
  return { rows, grad };
}
// a weight that several synapses share, as entries of the matrix; others are one
const uses = (net, w) => (net.layers[w.layer].shared ? map(net.layers[w.layer].units, (i) => ({ ...w, i, j: w.j + i })) : [w]);
const at = (grad, w) => (w.name === "b" ? grad.b[w.i] : grad[w.name][w.i][w.j]);

// how the loss of a step answers to the outputs of a layer, within that step
function signal(net, step, l) {
  let c = step.error;
  for (let k = net.layers.length - 1; k > l; k--) {
    const layer = net.layers[k], f = step.layers[k].f, nodes = { z: c };
    for (const node of [...layer.nodes].reverse()) {
      if (node === "z") continue;
      nodes[node] = map(layer.units, (i) => layer.links.filter((link) => !link.lag && link.source === node).reduce((s, link) => s + f[key(link)][i] * nodes[link.target][i], 0));
    }
    c = map(layer.inputs, (j) => layer.W.reduce((s, row, i) => s + row[j] * nodes.a[i], 0));
  }
  return c;
}

// mistakes: what one link adds, changed; or the rule, changed
const past = (link) => link.lag === 1 && !link.use;
const MISTAKES = {
  none: {},
  reset: { without: ["reset"] },
  lateral: { without: ["recurrent"] },
  memoryless: { without: ["state", "reset", "recurrent", "adaptation"] },
  adaptation: { without: ["adaptation"] },
  "reset-alive": { with: ["reset"] },
  "lateral-alive": { with: ["recurrent"] },
  untraced: { without: ["state"] },
  "readout-cut": { readout: [] },
  // the slope of the present step where the one of the step before belongs
  late: { term: (k, u, c) => (past(k) && k.source === "z" && c.past.v ? c.factor * c.q.f["z<v:space"][c.j] * c.past.v[c.j] + (c.past.k ? c.factor * c.q.f["z<k:space"][c.j] * c.past.k[c.j] : 0) : u) },
  // g' on the new term and not on what the past adds
  transfer: { term: (k, u, c) => (past(k) ? u / c.q.f["v<a:space"][c.i] : u) },
  // the present input faded as if it were of the step before
  decayed: { term: (k, u, c) => (k.use ? c.layer.p.leak * u : u) },
  // the leak of another layer
  leak: { term: (k, u, c) => (k.edge === "state" && k.target === "v" && c.factor ? (u / c.factor) * c.layer.p.otherLeak : u) },
  // rho where rho - beta psi belongs
  rho: { term: (k, u, c) => (k.edge === "adaptation" ? c.b.f ? c.b.f["z<v:space"][c.j] * c.past.v[c.j] : 0 : u) },
  // the sign of the adaptation in the eligibility
  sign: { term: (k, u) => (k.target === "z" && k.source === "k" ? -u : u) },
  // a lateral weight read in the wrong direction
  transposed: { term: (k, u, c) => (past(k) && k.weight ? c.layer.H[c.j][c.i] * c.ds : u) },
  // the slope of the step before, of a plain recurrent unit
  stale: { term: (k, u, c) => (k.target === "z" && k.source === "a" ? (c.b.f ? c.b.f["z<a:space"][c.i] : 1) * c.ds : u) },
  // SnAp: what reaches a unit one step later than allowed; the mask on the step before alone; read the other way round
  wider: { rule: (r) => ({ reach: r.reach + 1 }) },
  "mask-late": { rule: () => ({ late: true }) },
  "mask-turned": { rule: () => ({ turned: true }) },
  // gated cells: no way through the output gate; another gate for the forget gate; the new cell state for the old
  "two-term": { term: (k, u) => (past(k) && k.target === "ao" ? 0 : u) },
  order: { term: (k, u, c) => (k.target === "c" && k.edge === "state" ? c.q.now.i[c.i] * c.ds : u) },
  "new-cell": { term: (k, u, c) => (k.target === "c" && k.source === "f" ? c.q.now.c[c.i] * c.ds : u) },
  // a unit's weight to itself left out of the trace
  selfless: { term: (k, u, c) => (past(k) && k.weight && c.i === c.j ? 0 : u) },
  // bias without a trace of its own
  bias: { onlyFor: "b", without: ["state"] },
};
function mistaken(net, steps, w, rule, id) {
  const m = MISTAKES[id];
  if (m.onlyFor && m.onlyFor !== w.name) return online(net, steps, w, rule);
  const own = rule.own.filter((e) => !(m.without ?? []).includes(e)).concat(m.with ?? []);
  return online(net, steps, w, { ...rule, ...m.rule?.(rule), own, readout: m.readout ?? rule.readout }, m.term);
}
// the filter of the readout put on the learning signal: sum over t of (filtered L) e
function filteredSignal(net, steps, w, rule) {
  const found = online(net, steps, w, { ...rule, readout: [] }), kappa = net.layers.at(-1).p.kappa;
  let total = 0, held = map(net.layers[w.layer].units, () => 0);
  found.rows.forEach((row, k) => {
    held = signal(net, steps[k + 1], w.layer).map((u, i) => kappa * held[i] + u);
    total += held.reduce((s, u, i) => s + u * row.d[w.layer].z[i], 0);
  });
  return { total };
}

const place = (object, path, value) => {
  const names = path.split("."), last = names.pop();
  names.reduce((o, n) => o[n], object)[last] = value;
};
// the network of a specification, with the reader's settings in it
function built(spec, s) {
  const net = JSON.parse(JSON.stringify({ layers: spec.layers, x: spec.x, y: spec.y, rule: spec.rule }));
  for (const c of spec.controls) for (const path of c.paths) place(net, path, s[c.name]);
  return net;
}

// what is shown as 0; a difference of that size is rounding, also beside a gradient that is 0
const NOTHING = 5e-15;
const share = (part, whole) => (part < NOTHING ? 0 : part / whole);
// which sentence below an example fits: one of its kind, or whether what is computed forwards and backwards agrees
function state(out, cut = []) {
  if (out.when) return out.when;
  if (out.still) return "still";
  if (out.error === Infinity) return "alone"; // a share of a gradient that is 0
  if (out.error < 1e-12) return cut.length ? "idle" : "equal";
  return cut.length ? "cut" : "apart";
}

const KINDS = {};
// everything that a page shows: { key: number }
function numbers(spec, s) {
  const net = built(spec, s), { steps, loss } = forwards(net, net.x, net.y);
  const kind = KINDS[spec.kind] ?? {}; // what is no set of kept edges: sums.js
  if (kind.prepare) kind.prepare(net, steps);
  const cut = s.cut ?? [];
  const whole = net.rule, rule = { ...whole, own: whole.own.filter((e) => !cut.includes(e)) };
  const w = spec.weights[s.weight], exactRule = spec.exact;
  const back = spec.layers.map((_, l) => backwards(net, steps, l, exactRule));
  const given = (u, id) => ({ net, steps, w: u, rule: id ? whole : rule, spec, s, id, cut: id ? [] : cut });
  const total = (u, id) => (kind.total ? kind.total(given(u, id)) : id === "filter" ? filteredSignal(net, steps, u, whole).total : mistaken(net, steps, u, id ? whole : rule, id || "none").total);
  const truth = (u) => uses(net, u).reduce((sum, e) => sum + at(back[u.layer].grad, e), 0);
  const all = spec.weights.map((u) => ({ name: u.label, online: total(u, ""), exact: truth(u) }));
  const norm = Math.hypot(...all.map((u) => u.exact));
  const away = (found) => share(Math.hypot(...found.map((u, i) => u - all[i].exact)), norm);
  const found = online(net, steps, w, rule), out = { loss };
  const put = (name, i, t, value) => (out[`${name}${i}.${t}`] = value);
  let bar = map(net.layers[w.layer].units, () => 0), xh = map(net.layers[w.layer].inputs, () => 0);
  for (let t = 1; t < steps.length; t++) {
    const q = steps[t].layers[w.layer], row = found.rows[t - 1], space = signal(net, steps[t], w.layer);
    steps[t].layers.forEach((layer, l) => Object.entries(layer.now).forEach(([node, values]) => values.forEach((u, i) => put(`layer${l} ${node}`, i, t, u))));
    net.x[t - 1].forEach((x, j) => put("x", j, t, x));
    for (const [node, values] of Object.entries(q.now)) values.forEach((u, i) => put(node, i, t, u));
    for (const [node, values] of Object.entries(row.d[w.layer])) values.forEach((u, i) => put(`d${node}`, i, t, u));
    for (const [name, values] of Object.entries(q.f)) values.forEach((u, i) => put(`f ${name} `, i, t, u));
    if (!q.now.o) steps[t].layers.at(-1).now.z.forEach((u, i) => put("o", i, t, u)); // an output gate is a node of that name
    steps[t].error.forEach((u, i) => put("error", i, t, u));
    space.forEach((u, i) => put("L", i, t, u));
    if (!q.now.c) space.forEach((u, i) => put("c", i, t, u * q.f["z<v:space"]?.[i]));
    const kappa = net.layers.at(-1).p.kappa ?? 0;
    bar = bar.map((u, i) => kappa * u + row.d[w.layer].z[i]);
    bar.forEach((u, i) => put("bar", i, t, u));
    xh = xh.map((u, j) => (net.layers[w.layer].p.leak ?? 0) * u + q.x[j]);
    xh.forEach((u, j) => put("xh", j, t, u));
    const own = row.d[w.layer]; // of the unit that the chosen weight feeds
    put("xi", "", t, own.v?.[w.i]);
    put("ai", "", t, own.k?.[w.i]);
    put("ei", "", t, own.z[w.i]);
    put("bi", "", t, bar[w.i]);
    put("Li", "", t, space[w.i]);
    put("part", "", t, row.part);
    put("sum", "", t, row.sum);
    for (const [node, values] of Object.entries(back[w.layer].rows[t - 1].credit[w.layer])) values.forEach((u, i) => put(`credit ${node} `, i, t, u));
    put("bpart", "", t, back[w.layer].rows[t - 1].part(w));
  }
  if (net.layers[0].cell === "snu" && net.layers[0].H) worked(out, net, w, rule);
  for (const edge of ["recurrent", "adaptation"]) out[`kept ${edge}`] = +rule.own.includes(edge);
  const p = net.layers[w.layer].p;
  Object.assign(out, { leak: p.leak, roh: p.rho, bet: p.beta, p2: steps[2].layers[w.layer].f["z<v:space"]?.[w.i] });
  out.online = all[s.weight].online;
  out.exact = all[s.weight].exact;
  out.gap = Math.abs(out.online - out.exact);
  out.error = away(all.map((u) => u.online));
  out.still = Math.hypot(norm, ...all.map((u) => u.online)) < NOTHING;
  out.nudge = nudged(net, w);
  out.right = total(w, "none");
  const base = spec.weights.map((u) => total(u, "none"));
  for (const id of spec.mistakes) {
    const value = spec.weights.map((u) => total(u, id));
    out[`m ${id}`] = value[s.weight];
    out[`q ${id}`] = share(Math.hypot(...value.map((u, i) => u - base[i])), Math.hypot(...base));
  }
  if (kind.show) kind.show(out, { ...given(w, ""), all, back });
  return { out, all, norm, net, steps, w, rule };
}
// the pieces of one entry of the trace of an SNU, unit 1 at step 2
function worked(out, net, w, rule) {
  const kept = (edge) => (rule.own.includes(edge) ? 1 : 0), slope = out["f v<a:space 0.2"];
  const old = (j) => out[`f z<v:space ${j}.1`];
  out["J rec"] = net.layers[0].H[0][0] * old(0);
  out["J reset"] = -out["f a<z:reset 0.2"] * old(0) * kept("reset");
  out["J own"] = slope * (out["J rec"] + out["f a<v:state 0.2"] - out["J reset"]);
  out["J other"] = slope * net.layers[0].H[0][1] * old(1);
  out.F = w.i ? 0 : slope * (w.name === "W" ? net.x[1][w.j] : out[`z${w.j}.1`]);
}
// the third opinion: move the weight a little, run twice, divide
function nudged(net, w, size = 1e-5) {
  const value = (d) => {
    const other = JSON.parse(JSON.stringify(net)), layer = other.layers[w.layer];
    for (const e of uses(net, w)) {
      if (w.name === "b") layer.b[e.i] += d;
      else layer[w.name][e.i][e.j] += d;
    }
    return forwards(other, other.x, other.y).loss;
  };
  return (value(size) - value(-size)) / (2 * size);
}

// FPTT: parts of a sequence, an update after each; both published forms, one step of descent or many
function parts(spec, s) {
  const net = built(spec, s), count = spec.parts, names = spec.weights;
  const read = (n, w) => (w.name === "b" ? n.layers[w.layer].b[w.i] : n.layers[w.layer][w.name][w.i][w.j]);
  const write = (n, values) => names.forEach((w, k) => place(n, `layers.${w.layer}.${w.name}.${w.i}${w.name === "b" ? "" : `.${w.j}`}`, values[k]));
  const rule = { own: ["state", "reset", "recurrent", "adaptation"], upper: ["state", "reset", "recurrent", "adaptation"], readout: [] };
  let w = names.map((u) => read(net, u)), bar = [...w], pull = w.map(() => 0), held = null;
  const rows = [], size = net.x.length / count;
  for (let r = 0; r < count; r++) {
    const xs = net.x.slice(r * size, (r + 1) * size), ys = net.y.slice(r * size, (r + 1) * size), before = held;
    const slope = (values) => {
      write(net, values);
      const { steps } = forwards(net, xs, ys, before);
      const back = net.layers.map((_, l) => backwards(net, steps, l, rule));
      return names.map((u) => at(back[u.layer].grad, u));
    };
    const share = s.form === "paper" ? 0.5 : 1, entering = w;
    const objective = (values) => slope(values).map((g, k) => g + s.mu * (values[k] - bar[k]) - share * pull[k]);
    for (let step = 0; step < s.descents; step++) {
      const g = objective(w);
      w = w.map((u, k) => u - s.rate * g[k]);
    }
    const g = slope(w), old = bar, left = objective(w);
    if (s.form === "paper") {
      pull = g;
      bar = w.map((u, k) => (bar[k] + u) / 2 - g[k] / (2 * s.mu));
    } else {
      pull = pull.map((u, k) => u - s.mu * (w[k] - bar[k]));
      bar = w.map((u, k) => (1 - s.beta) * bar[k] + s.beta * u - (s.beta / s.mu) * pull[k]);
    }
    write(net, entering); // the state that goes on is that of the pass before the update
    const pass = forwards(net, xs, ys, before);
    held = pass.steps.at(-1).layers.map((l) => l.now);
    rows.push({ w, entering, bar, old, pull, gapleft: g.map((u, k) => u - pull[k]), gradient: g, left, loss: pass.loss });
  }
  return rows;
}
// the same as { key: number } for the page
function flat(spec, s) {
  const out = {}, rows = parts(spec, s);
  rows.forEach((row, r) => {
    for (const [name, values] of Object.entries(row)) out[`${name}.${r + 1}`] = Array.isArray(values) ? values[s.weight] : values;
    out[`missed.${r + 1}`] = share(Math.hypot(...row.pull.map((u, k) => u - row.gradient[k])), Math.hypot(...row.gradient));
  });
  out.error = out[`missed.${rows.length}`];
  // in the form of the paper the linear term is the gradient, stationary or not; what is below the digits shown is near
  out.when = s.form === "paper" ? "paper" : out.error < 1e-12 ? "equal" : out.error < 1e-6 ? "near" : "apart";
  return { out, all: null };
}
return { numbers, parts, flat, state, KINDS, tools: { map, key, forwards, online, backwards, signal, uses, at, mistaken, psi, out, reach } };
})();
if (typeof module !== "undefined") module.exports = Engine;
