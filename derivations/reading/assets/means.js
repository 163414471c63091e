// Examples of rules that draw: every draw is run, and the mean over all of them is taken, no sampling.
// tests/derivations/test_means.py compares them with gradcert's estimators.
"use strict";
const means = (Engine) => {
const { map, online, signal } = Engine.tools;
const size = (...values) => Math.hypot(...values.flat(3));
const ratio = (above, below) => (above && below ? Math.sqrt(above / below) : 1);
// every sequence of n signs; the first has no minus
const signs = (n) => map(2 ** n, (k) => map(n, (i) => ((k >> (n - 1 - i)) & 1 ? -1 : 1)));

// what a step of a layer of plain recurrent units gives: slopes, one step of memory, what the weights multiply
function local(net, steps, t) {
  const q = steps[t].layers[0], slope = q.f["z<a:space"];
  return { slope, J: net.layers[0].H.map((row, i) => row.map((h) => slope[i] * h)), source: [...q.x, ...steps[t - 1].layers[0].now.z], L: steps[t].error };
}
const times = (J, a) => J.map((row) => row.reduce((s, u, j) => s + u * a[j], 0));

// UORO: one column for the state, one row for the weights (as unit by source); `put` hears of every step
function uoro({ net, steps, s, id }, nu, put = () => {}) {
  const n = net.layers[0].units, unit = map(n, () => 1);
  let A = null, B = null, total = null;
  if (id === "initial") [A, B] = [unit, map(n, () => map(n + net.layers[0].inputs, () => 1))];
  for (let t = 1; t < steps.length; t++) {
    const { slope, J, source, L } = local(net, steps, t);
    const noise = map(n, (i) => nu[id === "reused" ? i : id === "shared" ? t - 1 : (t - 1) * n + i] * (id === "uniform" ? Math.sqrt(1 / 3) : 1));
    const moved = A ? times(J, A) : map(n, () => 0), fresh = map(n, (i) => source.map((x) => noise[i] * slope[i] * x));
    const r0 = ratio(B ? size(B) : 0, size(moved)) * s.scale, r1 = ratio(size(fresh), size(noise));
    A = moved.map((u, i) => r0 * u + r1 * noise[i]);
    B = fresh.map((row, i) => row.map((u, j) => (B ? B[i][j] / (id === "half" ? 1 : r0) : 0) + u / r1));
    const qA = L.reduce((sum, u, i) => sum + u * A[i], 0);
    total = B.map((row, i) => row.map((u, j) => (total ? total[i][j] : 0) + qA * u));
    put({ t, noise, A, B, r0, r1, qA });
  }
  return total;
}
// KF-RTRL: a matrix for the state and the unit that a weight feeds, a row for what the weights multiply
function kf({ net, steps }, nu) {
  const n = net.layers[0].units;
  let A = null, u = null, total = null;
  for (let t = 1; t < steps.length; t++) {
    const { slope, J, source, L } = local(net, steps, t), [n1, n2] = nu.slice(2 * t - 2, 2 * t);
    const moved = J.map((row) => map(n, (k) => (A ? row.reduce((sum, g, j) => sum + g * A[j][k], 0) : 0)));
    const p1 = ratio(size(moved), u ? size(u) : 0), p2 = ratio(size(slope), size(source));
    u = source.map((x, j) => (u ? n1 * p1 * u[j] : 0) + n2 * p2 * x);
    A = moved.map((row, i) => row.map((g, k) => (n1 * g) / p1 + (i === k ? (n2 * slope[i]) / p2 : 0)));
    const qA = map(n, (k) => L.reduce((sum, q, i) => sum + q * A[i][k], 0));
    total = qA.map((q, i) => u.map((g, j) => (total ? total[i][j] : 0) + q * g));
  }
  return total;
}

const entry = (net, grad, w) => grad[w.i][w.name === "W" ? w.j : net.layers[0].inputs + w.j];
const count = (c, id) => (c.steps.length - 1) * (id === "shared" ? 1 : c.net.layers[0].units) / (id === "reused" ? c.steps.length - 1 : 1);
// every draw of one rule, each as a list of all weights; kept with the forward pass
function draws(c, id, method = uoro) {
  const kept = (c.steps.draws ??= {}), name = `${method.name} ${id}`;
  return (kept[name] ??= signs(count(c, id)).map((nu) => { const g = method({ ...c, id }, nu); return c.spec.weights.map((w) => entry(c.net, g, w)); }));
}
const mean = (all) => all[0].map((_, k) => all.reduce((s, g) => s + g[k], 0) / all.length);
const chosen = (c) => signs(count(c, ""))[c.s.draw - 1];
const estimate = (c) => (c.id ? mean(draws(c, c.id))[c.spec.weights.indexOf(c.w)] : entry(c.net, uoro(c, chosen(c)), c.w));

function unbiased(out, c) {
  const exact = c.all.map((u) => u.exact), at = c.s.weight, norm = size(exact);
  const spread = (all) => Math.sqrt(all.reduce((s, g) => s + size(g.map((u, k) => u - exact[k])) ** 2, 0) / all.length) / norm;
  const both = { "": draws(c, ""), kf: draws(c, "", kf) };
  for (const [name, all] of Object.entries(both)) Object.assign(out, { [`${name}mean`]: mean(all)[at], [`${name}spread`]: spread(all) });
  Object.assign(out, { needed: Math.ceil((out.spread / 0.1) ** 2), kfneeded: Math.ceil((out.kfspread / 0.1) ** 2), count: both[""].length, when: "drawn" });
  uoro(c, chosen(c), ({ t, noise, A, B, r0, r1, qA }) => {
    const b = entry(c.net, B, c.w);
    noise.forEach((u, i) => Object.assign(out, { [`nu${i}.${t}`]: u, [`A${i}.${t}`]: A[i], [`AB${i}.${t}`]: A[i] * b }));
    Object.assign(out, { [`B.${t}`]: b, [`r0.${t}`]: r0, [`r1.${t}`]: r1, [`qA.${t}`]: qA, [`drawn.${t}`]: qA * b });
  });
  signs(count(c, "")).forEach((nu) => uoro(c, nu, ({ t, A, B }) => A.forEach((u, i) => { out[`M${i}.${t}`] = (out[`M${i}.${t}`] ?? 0) + (u * entry(c.net, B, c.w)) / out.count; })));
  const { J } = local(c.net, c.steps, 2);
  Object.assign(out, { J11: J[0][0], J12: J[0][1] });
}

// SLTT-K: every set of K steps out of T, in order
const sets = (T, K, from = 0) => (K ? map(T - from - K + 1, (k) => sets(T, K - 1, from + k + 1).map((rest) => [from + k, ...rest])).flat() : [[]]);
function sltt({ net, steps, w, s, id }) {
  const parts = online(net, steps, w, { own: id === "through" ? ["state"] : [], upper: [], readout: [] }).rows.map((row) => row.part);
  const all = sets(parts.length, s.kept), added = all.map((set) => set.reduce((sum, t) => sum + parts[t], 0)), scale = parts.length / s.kept;
  if (!id) return added[(s.draw - 1) % all.length];
  return (id === "first" ? added[0] : added.reduce((sum, u) => sum + u, 0) / all.length) * (id === "short" ? 1 : scale);
}
// OPZO's matrix, step by step, from a pass with perturbed hidden spikes through a linear head
function feedback({ net, steps, s }, nu) {
  const n = net.layers[0].units, U = net.layers[1].W[0];
  let B = map(n, () => 0);
  return steps.slice(1).map((step, t) => {
    const noise = nu.slice(t * n, t * n + n), o = U.reduce((sum, u, i) => sum + u * (step.layers[0].now.z[i] + s.alpha * noise[i]), 0);
    B = B.map((b, i) => s.mu * b + ((1 - s.mu) * noise[i] * o) / s.alpha);
    return { B, o, noise };
  });
}
const ottt = ({ net, steps }, w, B) => {
  let trace = 0;
  return steps.slice(1).reduce((sum, step) => {
    trace = net.layers[0].p.leak * trace + step.layers[0].x[w.j];
    return sum + (B ? B[w.i] * step.error[0] : signal(net, step, 0)[w.i]) * step.layers[0].f["z<v:space"][w.i] * trace;
  }, 0);
};
function sampled(out, c) {
  const { steps, s } = c, T = steps.length - 1, w = c.w.layer ? c.spec.weights[0] : c.w, n = c.net.layers[0].units;
  const all = sets(T, s.kept), set = all[(s.draw - 1) % all.length];
  online(c.net, steps, c.w, { own: [], upper: [], readout: [] }).rows.forEach((row, t) => Object.assign(out, { [`sl.${t + 1}`]: row.part, [`in.${t + 1}`]: +set.includes(t), [`sk.${t + 1}`]: set.includes(t) ? row.part : 0 }));
  const pass = signs(n * T).map((nu) => feedback(c, nu)), mine = pass[s.draw - 1];
  mine.forEach(({ B, o, noise }, t) => {
    Object.assign(out, { [`op.${t + 1}`]: o });
    B.forEach((b, i) => Object.assign(out, { [`B${i}.${t + 1}`]: b, [`nu${i}.${t + 1}`]: noise[i], [`BM${i}.${t + 1}`]: mean(pass.map((p) => p[t].B))[i] }));
  });
  const found = pass.map((p) => ottt(c, w, p.at(-1).B)), truth = ottt(c, w, null);
  Object.assign(out, { sets: all.length, share: s.kept / T, ktmean: c.s.kept / T * out.exact, opzo: found[s.draw - 1], opzomean: mean(found.map((u) => [u]))[0], ottt: truth, filled: 1 - s.mu ** T, mu: s.mu, alpha: s.alpha, when: "drawn" });
  out.bspread = Math.sqrt(pass.reduce((sum, p) => sum + size(p.at(-1).B.map((b, i) => b - mean(pass.map((o) => o.at(-1).B))[i])) ** 2, 0) / pass.length) / size(c.net.layers[1].W[0]);
}

Object.assign(Engine.KINDS, { sampled: { total: sltt, show: sampled }, unbiased: { total: estimate, show: unbiased } });
};
if (typeof module !== "undefined") module.exports = means;
else means(Engine);
