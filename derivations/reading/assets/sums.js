// Examples whose numbers are no set of kept edges: bounds, sums with traces of their own, shared weights, rounding,
// counts. Each kind adds to what engine.js shows. tests/derivations/test_sums.py compares them with gradcert's code.
"use strict";
const sums = (Engine) => {
const { map, key, forwards, online, signal, uses } = Engine.tools;

// how the state v of a layer of units that do not meet answers to v of one step ago, over the kept edges
function across(net, steps, t, l, kept) {
  const layer = net.layers[l], q = steps[t].layers[l], b = steps[t - 1].layers[l];
  return map(layer.units, (i) => {
    const old = { v: 1 }, now = {};
    for (const node of layer.nodes) {
      if (node !== "v") old[node] = layer.links.filter((k) => k.target === node && !k.lag && old[k.source] !== undefined).reduce((s, k) => s + b.f[key(k)][i] * old[k.source], 0);
    }
    for (const node of layer.nodes) {
      now[node] = 0;
      for (const k of layer.links) {
        if (k.target !== node || k.source === "x") continue;
        if (k.lag && !kept.includes(k.edge)) continue;
        now[node] += (k.weight ? layer[k.weight][i][i] : q.f[key(k)][i]) * (k.lag ? old : now)[k.source];
      }
    }
    return now.v;
  });
}
const EVERY = ["state", "reset", "recurrent", "adaptation"];

// the residual of OSTL in two layers of one unit, path by path, and what bounds it
function bounds(out, { net, steps, w, all }) {
  const T = steps.length - 1, J = [null, null], eps = online(net, steps, { ...w, layer: 0, name: "W", i: 0, j: 0 }, { own: EVERY, upper: [], readout: [] }).rows;
  for (let t = 2; t <= T; t++) J.push([0, 1].map((l) => across(net, steps, t, l, EVERY)[0]));
  const up = (t) => steps[t].layers[1].f["v<a:space"][0] * net.layers[1].W[0][0] * steps[t].layers[0].f["z<v:space"][0];
  const fresh = (t) => steps[t].layers[0].f["v<a:space"][0] * steps[t].layers[0].x[0];
  const credit = (t) => steps[t].error[0] * steps[t].layers[1].f["z<v:space"][0];
  const product = (l, from, to, sizes) => { let u = 1; for (let k = from + 1; k <= to; k++) u *= sizes ? sizes[l] : J[k][l]; return u; };
  let kept = 0, dropped = 0, xi = 0, rho = 0, bound = 0, wrong = 0, leaky = [0, 0, 0], leakyBound = 0;
  const leak = net.layers.map((layer) => layer.p.leak);
  for (let t = 1; t <= T; t++) {
    const c = credit(t), j = J[t] ?? [0, 0];
    const oldUp = kept, oldDropped = dropped;
    dropped = t > 1 ? j[1] * (oldDropped + oldUp) : 0;
    kept = up(t) * eps[t - 1].d[0].v[0];
    const kappa = t > 1 ? xi * Math.abs(up(t - 1)) : 0; // bound on what had gone up before this step
    rho = t > 1 ? Math.abs(j[1]) * (rho + kappa) : 0;
    wrong += t > 1 ? Math.abs(c) * Math.abs(j[1]) * kappa : 0;
    xi = Math.abs(j[0]) * xi + Math.abs(fresh(t));
    bound += Math.abs(c) * rho;
    leaky = [leak[1] * (leaky[0] + leaky[1]), 0, leak[0] * leaky[2] + Math.abs(fresh(t))];
    leakyBound += Math.abs(c) * leaky[0];
    leaky[1] = Math.abs(up(t)) * leaky[2];
    Object.assign(out, { [`J1.${t}`]: t > 1 ? j[0] : null, [`J2.${t}`]: t > 1 ? j[1] : null, [`eps.${t}`]: eps[t - 1].d[0].v[0], [`K.${t}`]: kept, [`D.${t}`]: dropped });
    Object.assign(out, { [`bx.${t}`]: xi, [`bk.${t}`]: Math.abs(up(t)) * xi, [`br.${t}`]: rho, [`cr.${t}`]: c, [`err.${t}`]: c * dropped, [`bd.${t}`]: Math.abs(c) * rho, [`F.${t}`]: fresh(t), [`up.${t}`]: up(t) });
  }
  // every path: used at s, up at r, judged at t
  let residual = 0, pairs = 0, triples = 0;
  for (let t = 2; t <= T; t++) for (let s = 1; s < t; s++) {
    let pair = 0;
    for (let r = s; r < t; r++) pair += credit(t) * product(1, r, t) * up(r) * product(0, s, r) * fresh(s);
    for (let r = s; r < t; r++) triples += Math.abs(credit(t) * product(1, r, t) * up(r) * product(0, s, r) * fresh(s));
    residual += pair;
    pairs += Math.abs(pair);
  }
  // every factor at the largest size that it has in this run
  const most = (f, from = 1) => Math.max(...map(T - from + 1, (k) => Math.abs(f(k + from))));
  const largest = [0, 1].map((l) => most((t) => J[t][l], 2)), c = most(credit), f = most(fresh), u = most(up);
  let worst = 0;
  for (let t = 2; t <= T; t++) for (let s = 1; s < t; s++) for (let r = s; r < t; r++) worst += c * product(1, r, t, largest) * u * product(0, s, r, largest) * f;
  const size = Math.abs(residual), lower = all[0], detached = Engine.tools.backwards(net, steps, 0, { own: ["state", "recurrent"], upper: ["state", "recurrent"], readout: [] }).grad.W[0][0];
  Object.assign(out, { residual, size, pairs, triples, bound, worst, others: Math.abs(detached - lower.online), right: bound, estimate: lower.online, truth: lower.exact });
  Object.assign(out, { times: bound / size, timesPairs: pairs / size, timesWorst: worst / size });
  // two tensors: the upper weight is exact
  const h = [all[0].online, all[1].online], g = [all[0].exact, all[1].exact], length = Math.hypot(...h);
  const margin = Math.abs(h[0]) * (Math.abs(h[0]) - bound) + h[1] * h[1];
  Object.assign(out, { margin, inner: h[0] * g[0] + h[1] * g[1], floor: margin / (length * (length + bound)), cosine: (h[0] * g[0] + h[1] * g[1]) / length / Math.hypot(...g) });
  out.when = length === 0 ? "still" : margin > 0 ? "certified" : "open";
  for (const [id, value] of [["credit", wrong], ["leak", leakyBound]]) Object.assign(out, { [`m ${id}`]: value, [`q ${id}`]: Math.abs(value - bound) / bound, [`below ${id}`]: value < size });
  Object.assign(out, { "m truth": out.others, "q truth": Math.abs(out.others - size) / size, "m angle": out.cosine, "q angle": size / Math.hypot(...g) });
}

// what the page says of one other setting
function bounded(out, c) {
  bounds(out, c);
  const at7 = {}, net = JSON.parse(JSON.stringify(c.net));
  net.layers[0].W[0][0] = 0.7;
  net.layers[1].W[0][0] = 0.8;
  net.layers.forEach((layer) => { layer.p.leak = 0.9; });
  net.x[1][0] = 0.3;
  bounds(at7, { ...c, net, steps: forwards(net, net.x, net.y).steps });
  out.credit7 = at7["m credit"];
  out.size7 = at7.size;
}

// one step of the memory of an upper layer of SNUs, edge by edge: how v of every unit answers to v of one step ago
function edges(net, steps, t) {
  const q = steps[t].layers[1].f, old = steps[t - 1].layers[1].f["z<v:space"], H = net.layers[1].H, own = (u) => H.map((row, i) => row.map((_, j) => (i === j ? u(i) : 0)));
  return {
    recurrent: H.map((row, i) => row.map((h, j) => q["v<a:space"][i] * h * old[j])),
    state: own((i) => q["v<a:space"][i] * q["a<v:state"][i]),
    reset: own((i) => q["v<a:space"][i] * q["a<z:reset"][i] * old[i]),
  };
}
const KIND = ["recurrent", "state", "reset"];
const through = (r, J) => J[0].map((_, j) => r.reduce((sum, u, i) => sum + u * J[i][j], 0));
const plus = (a, b) => a.map((u, i) => u + b[i]);

// the residual of OSTL for a weight of the lower of two layers, without a gradient of BPTT: every pair of a step s at
// which a path went up and a step t at which it is judged, by the edge that it passes last
function residual({ net, steps, w, rule, id }, put = () => {}) {
  const T = steps.length - 1, n = net.layers[1].units, none = map(n, () => 0), rows = online(net, steps, w, rule).rows;
  const answer = (s) => {
    const layer = steps[s].layers[0], p = w.name === "W" ? layer.x[w.j] : s > 1 ? steps[s - 1].layers[0].now.z[w.j] : 0;
    return id === "fresh" ? layer.f["z<v:space"].map((u, i) => (i === w.i ? u * layer.f["v<a:space"][i] * p : 0)) : rows[s - 1].d[0].z;
  };
  const credit = (t) => steps[t].error.map((u, i) => u * steps[t].layers[1].f["z<v:space"][i]);
  const down = (r, s) => through(r.map((u, i) => u * steps[s].layers[1].f["v<a:space"][i]), net.layers[1].W);
  const meet = (r, s, e) => down(r, s).reduce((sum, u, i) => sum + u * e[i], 0);
  let total = 0;
  for (let t = T; t >= 1; t--) {
    let by = null, r = credit(t);
    put({ s: t, t, r, u: meet(r, t, answer(t)), kept: true });
    if (id === "twice") total += meet(r, t, answer(t));
    for (let s = t - 1; s >= (id === "short" ? Math.max(1, t - 1) : 1); s--) {
      const part = edges(net, steps, s + 1), J = id === "leak" ? part.state.map((row, i) => row.map((_, j) => (i === j ? net.layers[1].p.leak : 0))) : KIND.map((k) => part[k]).reduce((a, b) => a.map((row, i) => plus(row, b[i])));
      by = Object.fromEntries(KIND.map((k) => [k, through(by ? by[k] : r, by ? J : part[k])]));
      r = through(r, J);
      const u = meet(r, s, answer(id === "judged" ? t : s));
      total += u;
      put({ s, t, r, u, by: KIND.map((k) => meet(by[k], s, answer(s))) });
    }
  }
  return total;
}
function late(out, c) {
  const { net, steps, spec, all, rule } = c, T = steps.length - 1, n = net.layers[1].units;
  const each = (id) => spec.weights.map((w) => residual({ ...c, w, id }));
  const right = each("none"), shares = [0, 0, 0], r = map(T + 1, () => map(n, () => 0));
  spec.weights.forEach((w, k) => residual({ ...c, w, id: "none" }, ({ by }) => by?.forEach((u, m) => { shares[m] += u * right[k]; })));
  for (let s = 1; s <= T; s++) for (let t = 1; t <= T; t++) out[`pair${s}.${t}`] = null;
  const row = map(T + 1, () => 0);
  residual({ ...c, id: "none" }, (p) => {
    out[`pair${p.s}.${p.t}`] = p.u;
    row[p.s] += p.u;
    if (p.kept) p.r.forEach((u, i) => { out[`cr${i}.${p.t}`] = u; });
    else r[p.s] = plus(r[p.s], p.r);
  });
  for (let s = 1; s <= T; s++) {
    out[`row${s}`] = row[s];
    r[s].forEach((u, i) => { out[`late${i}.${s}`] = u; });
  }
  const size = Math.hypot(...right), at = c.s.weight, length = (f) => Math.hypot(...all.map(f));
  KIND.forEach((k, m) => { out[`share ${k}`] = size ? shares[m] / size ** 2 : 0; });
  for (const id of ["twice", "short", "judged", "fresh", "leak"]) {
    const wrong = each(id);
    Object.assign(out, { [`m ${id}`]: wrong[at], [`q ${id}`]: Math.hypot(...wrong.map((u, k) => u - right[k])) / size });
  }
  const alive = spec.weights.map((w) => online(net, steps, w, { ...rule, upper: ["state"] }).total);
  const above = ["W", "H"].flatMap((name) => net.layers[1][name].flatMap((line, i) => line.map((_, j) => ({ layer: 1, name, i, j }))));
  Object.assign(out, { right: right[at], residual: right[at], both: out.online + right[at], alive: alive[at] });
  out.gap = Math.abs(out.both - out.exact);
  out.alivegap = Math.hypot(...alive.map((u, k) => u - all[k].online)) / length((u) => u.online);
  out.cosine = all.reduce((sum, u) => sum + u.online * u.exact, 0) / length((u) => u.online) / length((u) => u.exact);
  out.upper = Math.max(...above.map((w) => Math.abs(online(net, steps, w, rule).total - Engine.tools.at(c.back[1].grad, w))));
  // one entry of the late credit worked out: unit 1 at step 2, which step 3 alone is later than
  const J = edges(net, steps, 3), one = (i) => KIND.reduce((sum, k) => sum + J[k][i][0], 0);
  Object.assign(out, { "J 11": one(0), "J 21": one(1) });
}

// S-TLLR: a causal and an acausal trace; `put` hears of every step
function pairs({ net, steps, w, id }, put = () => {}) {
  const p = net.layers[w.layer].p, slope = (t) => steps[t].layers[w.layer].f["z<v:space"][w.i];
  const lamp = id === "swapped" ? p.lamq : p.lamp, lamq = id === "swapped" ? p.lamp : p.lamq;
  let pre = 0, post = 0, total = 0;
  for (let t = 1; t < steps.length; t++) {
    const L = signal(net, steps[t], w.layer)[w.i], psi = slope(t);
    const x = w.name === "b" ? 0 : w.name === "W" ? steps[t].layers[w.layer].x[w.j] : steps[id === "now" ? t : t - 1].layers[w.layer].now.z[w.j];
    pre = w.name === "b" ? 1 : lamp * pre + x;
    post = t > 1 ? lamq * (post + slope(t - 1)) : 0;
    const used = id === "own" ? post + psi : id === "factor" && lamq ? post / lamq : post;
    const causal = p.apre * psi * pre, acausal = p.apost * x * used;
    total += L * (causal + acausal);
    put({ t, L, psi, x, pre, post, causal, acausal });
  }
  return total;
}
function stllr(out, c) {
  let causal = 0, acausal = 0;
  pairs(c, (row) => {
    for (const [name, u] of Object.entries(row)) if (name !== "t") out[`q${name}.${row.t}`] = u;
    out[`qe.${row.t}`] = row.causal + row.acausal;
    causal += row.L * row.causal;
    acausal += row.L * row.acausal;
    out[`qpart.${row.t}`] = row.L * (row.causal + row.acausal);
  });
  const p = c.net.layers[0].p;
  Object.assign(out, { causal, acausal, apre: p.apre, apost: p.apost, lamp: p.lamp, lamq: p.lamq });
  const mine = c.all.map((u) => u.online), exact = c.all.map((u) => u.exact);
  out.cosine = mine.reduce((s, u, i) => s + u * exact[i], 0) / Math.hypot(...mine) / Math.hypot(...exact);
}

// rate-based back-propagation: how rates answer to currents that are constant in time
const units = (net, l, f) => map(net.layers[l].units, f);
const mean = (steps, f) => steps.slice(1).reduce((s, step) => s + f(step), 0) / (steps.length - 1);
function kappas(net, steps, l, id, live) {
  const p = net.layers[l].p, rows = [];
  let kappa = units(net, l, () => 0);
  for (let t = 1; t < steps.length; t++) {
    const f = steps[t].layers[l].f, old = t > 1 ? steps[id === "late" ? t : t - 1].layers[l].f["z<v:space"] : null;
    kappa = kappa.map((u, i) => {
      if (!old) return 1;
      const reset = id === "one" ? f["v<z:reset"][i] / p.threshold : f["v<z:reset"][i];
      return 1 + (f["v<v:state"][i] + (live ? reset * old[i] : 0)) * u;
    });
    rows.push(kappa);
  }
  return rows;
}
const answers = (net, steps, l) => units(net, l, (i) => mean(steps, (step) => step.layers[l].f["z<v:space"][i] * step.kappa[l][i]));
function rate({ net, steps, w, id, cut }) {
  const live = id !== "detached" && !cut.includes("reset");
  net.layers.forEach((_, l) => kappas(net, steps, l, id, live).forEach((row, t) => { (steps[t + 1].kappa ??= [])[l] = row; }));
  const last = net.layers.length - 1;
  let credit = units(net, last, (i) => mean(steps, (step) => step.layers[last].now.z[i]) - net.y.reduce((s, y) => s + y[i], 0) / net.y.length);
  for (let l = last; l >= w.layer; l--) {
    const slope = answers(net, steps, l);
    credit = credit.map((u, i) => u * slope[i]);
    if (l > w.layer) credit = units(net, l - 1, (j) => net.layers[l].W.reduce((s, row, i) => s + row[j] * credit[i], 0));
  }
  return credit[w.i] * (w.name === "b" ? 1 : mean(steps, (step) => step.layers[w.layer].x[w.j]));
}
// the loss of a sequence is that of the mean output: its slope is the same at every step
function averaged(net, steps) {
  const T = steps.length - 1, error = steps[1].error.map((_, k) => mean(steps, (step) => step.error[k]) / T);
  steps.slice(1).forEach((step) => Object.assign(step, { own: step.error, error }));
}
// NDOT: the decay of a trace is the ratio of two potentials of the layer below
function ndot(net, steps, id, put = () => {}) {
  const p = net.layers[0].p, from = net.layers[id === "layer" ? 1 : 0].p, l = id === "layer" ? 1 : 0;
  let trace = 0, plain = 0, total = 0, ottt = 0, ratio = 0, before = 0;
  for (let t = 1; t < steps.length; t++) {
    const z = steps[t].layers[0].now.z[0], now = steps[t].layers[l].now.v[0] - from.threshold * steps[t].layers[l].now.z[0];
    trace = ratio * trace + z;
    plain = p.leak * plain + z;
    const free = before === 0 ? p.leak : now / before;
    ratio = id === "free" ? free : Math.min(p.leak, Math.max(-p.leak, free));
    const c = steps[t].own[0] * steps[t].layers[1].f["z<v:space"][0];
    total += c * trace;
    ottt += c * plain;
    put({ t, u: now, free, ratio, trace, plain, c });
    before = now;
  }
  return { total, ottt };
}
function rates(out, c) {
  const { net, steps } = c;
  rate({ ...c, id: "none", w: { ...c.w, layer: 0 } });
  net.layers.forEach((_, l) => steps.slice(1).forEach((step, t) => { out[`kappa${l}.${t + 1}`] = step.kappa[l][0]; out[`psi${l}.${t + 1}`] = step.layers[l].f["z<v:space"][0]; }));
  net.layers.forEach((_, l) => Object.assign(out, { [`rate${l}`]: mean(steps, (step) => step.layers[l].now.z[0]), [`answer${l}`]: answers(net, steps, l)[0], [`x${l}`]: mean(steps, (step) => step.layers[l].x[0]) }));
  const { total, ottt } = ndot(net, steps, "", (row) => { for (const [name, u] of Object.entries(row)) if (name !== "t") out[`n${name}.${row.t}`] = u; });
  Object.assign(out, { ndot: total, ottt, ndotlayer: ndot(net, steps, "layer").total, ndotfree: ndot(net, steps, "free").total, leak: net.layers[0].p.leak, thr: net.layers[0].p.threshold });
  out.error3 = Math.abs(c.all[3].online - c.all[3].exact);
  const f = steps[2].layers[1].f;
  Object.assign(out, { state2: f["v<v:state"][0], psi1: steps[1].layers[1].f["z<v:space"][0], live: c.cut.includes("reset") ? 0 : 1 });
}

// DECOLLE: a hidden layer learns from its own readout, a fixed matrix G; the last layer from the network's loss
function readout(net, step, l) {
  const G = net.layers[l].p.G, z = step.layers[l].now.z, r = G.map((row) => row.reduce((s, g, i) => s + g * z[i], 0));
  return { G, r, error: r.map((u, k) => u - net.y[step.t - 1][k]) };
}
function decolle({ net, steps, w, rule, id }, put = () => {}) {
  const own = id === "reset" ? [...rule.own, "reset"] : rule.own, found = online(net, steps, w, { ...rule, own });
  if (w.layer === net.layers.length - 1) return found.total;
  let total = 0;
  found.rows.forEach((row, n) => {
    const step = Object.assign(steps[n + 1], { t: n + 1 }), { G, r, error } = readout(net, step, w.layer);
    const back = id === "redrawn" ? G.map((g) => [...g].reverse()) : G;
    let credit = map(net.layers[w.layer].units, (i) => back.reduce((s, g, k) => s + g[i] * error[k], 0));
    if (id === "above") credit = credit.map((u, i) => u + signal(net, step, w.layer)[i]);
    if (id === "mean") credit = credit.map((u) => u / found.rows.length);
    const part = credit.reduce((s, u, i) => s + u * row.d[w.layer].z[i], 0);
    total += part;
    put({ t: n + 1, r: r[0], error: error[0], credit, part, trace: row.d[w.layer].v[w.i], eligibility: row.d[w.layer].z[w.i] });
  });
  return total;
}
function local(out, c) {
  const lower = { ...c, w: c.w.layer ? c.spec.weights[0] : c.w };
  let loss = 0;
  decolle(lower, ({ t, credit, error, ...row }) => {
    loss += (error * error) / 2;
    credit.forEach((u, i) => { out[`lc${i}.${t}`] = u; });
    for (const [name, u] of Object.entries({ error, ...row })) out[`l${name}.${t}`] = u;
  });
  const part = c.all.slice(0, 4), dot = part.reduce((s, u) => s + u.online * u.exact, 0);
  out.localloss = loss;
  out.g1 = c.net.layers[0].p.G[0][0];
  out.lsum = c.all[c.spec.weights.indexOf(lower.w)].online;
  out.cosine = dot / Math.hypot(...part.map((u) => u.online)) / Math.hypot(...part.map((u) => u.exact));
  out.upper = Math.abs(c.all[4].online - c.all[4].exact);
}

// a kernel: one number, several synapses, each with a trace and a credit of its own
function shared({ net, steps, w, rule, id }, put = () => {}) {
  const layer = net.layers[w.layer], kernel = layer.inputs - layer.units + 1;
  if (!id || id === "none") return uses(net, w).reduce((s, e) => s + online(net, steps, e, rule).total, 0);
  let trace = map(layer.inputs, () => 0), total = 0;
  for (let t = 1; t < steps.length; t++) {
    const q = steps[t].layers[w.layer], c = signal(net, steps[t], w.layer).map((u, i) => u * q.f["z<v:space"][i]);
    trace = trace.map((u, m) => layer.p.leak * u + q.x[m]);
    const seen = c.map((_, i) => trace[i + (id === "flipped" ? kernel - 1 - w.j : w.j)]), sum = c.reduce((s, u) => s + u, 0);
    const parts = c.map((u, i) => u * seen[i]), right = parts.reduce((s, u) => s + u, 0);
    total += id === "entry" ? (sum * seen.reduce((s, u) => s + u, 0)) / layer.units : id === "first" ? sum * seen[0] : id === "mean" ? right / layer.units : right;
    put({ t, trace, parts, right });
  }
  return total;
}
function sharing(out, c) {
  const sums = [0, 0];
  shared({ ...c, id: "shown" }, ({ t, trace, parts, right }) => {
    trace.forEach((u, m) => { out[`pixel${m}.${t}`] = u; });
    parts.forEach((u, i) => { out[`position${i}.${t}`] = u; sums[i] += u; });
    out[`positions.${t}`] = right;
  });
  sums.forEach((u, i) => { out[`position${i}`] = u; });
  out.leak = c.net.layers[0].p.leak;
}

// OTTT's trace in fixed point: rounded to a multiple of `unit` after every step, ties upwards
function rounded({ net, steps, w, id }, put = () => {}) {
  const p = net.layers[w.layer].p, unit = 2 ** -p.bits, nearest = (u) => Math.floor(u / unit + 0.5) * unit;
  const leak = id === "coarse" ? nearest(p.leak) : p.leak;
  let q = 0, exact = 0, total = 0, room = 0;
  for (let t = 1; t < steps.length; t++) {
    const now = steps[t].layers[w.layer], x = now.x[w.j], before = id === "order" ? leak * (q + x) : leak * q + x;
    q = id === "truncated" ? Math.floor(before / unit) * unit : nearest(before);
    if (id === "narrow") q = Math.max(-1, Math.min(1 - unit, q));
    exact = p.leak * exact + x;
    room = p.leak * room + unit / 2;
    const c = signal(net, steps[t], w.layer)[w.i] * now.f["z<v:space"][w.i];
    total += c * q;
    put({ t, exact, q, delta: q - before, off: q - exact, room, c, part: c * q });
  }
  return total;
}
function rounding(out, c) {
  let reach = 0;
  const p = c.net.layers[0].p, unit = 2 ** -p.bits;
  rounded(c, (row) => {
    for (const [name, u] of Object.entries(row)) if (name !== "t") out[`r${name}.${row.t}`] = u;
    reach += Math.abs(row.c) * row.room;
    out.off = row.off;
    out.room = row.room;
  });
  Object.assign(out, { reach, unit, half: unit / 2, leak: p.leak });
}

// what rules store and multiply, as polynomials that the chapter proves of the code; and the traces of two units
function counts(out, { net, steps, rule, spec, s, cut }) {
  const { n, m, T } = s, full = n * n * m + n ** 3;
  const memory = { bptt: 3 * n * T, rtrl: full, ostl: full, plain: n * m, eprop: n * m + n * n, ottt: m, sltt: 0, snap: full, mask: n * (m + n) };
  const products = {
    bptt: 3 * n * n + 2 * n * m + 7 * n,
    rtrl: n ** 4 + m * n ** 3 + 3 * n ** 3 + m * n * n + 5 * n * n + m * n + 15 * n,
    ostl: n ** 4 + m * n ** 3 + 2 * n ** 3 + m * n * n + 3 * n * n + m * n + 11 * n,
    plain: 3 * m * n + 12 * n,
    eprop: 3 * n * n + 3 * m * n + 10 * n,
    ottt: 2 * m * n + m + 7 * n + 2,
    sltt: 2 * m * n + 5 * n + 1,
    lead: n ** 4 + m * n ** 3,
  };
  for (const [name, u] of Object.entries(memory)) out[`mem ${name}`] = u;
  for (const [name, u] of Object.entries(products)) out[`pro ${name}`] = u;
  out.share = products.lead / products.ostl;
  out.even = Math.floor(full / (3 * n)) + 1; // the first length at which the tape is the larger one
  let moving = 0;
  spec.weights.forEach((w, k) => online(net, steps, w, rule).rows.forEach((row, t) => row.d[0].v.forEach((u, i) => {
    out[`trace${k}${i}.${t + 1}`] = u;
    if (t === steps.length - 2 && u !== 0) moving += 1;
  })));
  out.moving = moving;
  out.when = cut.length ? "cut" : "equal"; // about what is cut, whether or not the gradient shows it
  out.right = full;
  const wrong = { diagonal: [memory.eprop, full], tape: [3 * n, memory.bptt], sparse: [memory.mask, full] };
  for (const [id, [claimed, right]] of Object.entries(wrong)) Object.assign(out, { [`m ${id}`]: claimed, [`q ${id}`]: Math.abs(claimed - right) / right });
}

Object.assign(Engine.KINDS, { counts: { show: counts }, rounded: { total: rounded, show: rounding }, shared: { total: shared, show: sharing }, local: { total: decolle, show: local }, rates: { prepare: averaged, total: rate, show: rates }, stllr: { total: pairs, show: stllr }, bounds: { show: bounded }, late: { show: late } });
};
if (typeof module !== "undefined") module.exports = sums;
else sums(Engine);
