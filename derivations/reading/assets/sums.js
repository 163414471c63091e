// Examples whose numbers are no set of kept edges: bounds, sums with traces of their own, shared weights, rounding,
// counts. Each kind adds to what engine.js shows. tests/derivations/test_sums.py compares them with gradcert's code.
"use strict";
const sums = (Engine) => {
const { map, key, forwards, online, signal } = Engine.tools;

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
  out.when = margin > 0 ? "certified" : "open";
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

Object.assign(Engine.KINDS, { stllr: { total: pairs, show: stllr }, bounds: { show: bounded } });
};
if (typeof module !== "undefined") module.exports = sums;
else sums(Engine);
