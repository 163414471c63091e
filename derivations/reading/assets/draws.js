// Examples of rules that mask, that project a target, or that draw: what they show beside what engine.js shows.
// tests/derivations/test_draws.py compares them with gradcert's engines and estimators.
"use strict";
const draws = (Engine) => {
const { map, online, signal, at, reach } = Engine.tools;

// SnAp: the error for every n, how many entries the mask keeps, and one entry worked out
function near(out, { net, steps, w, all, spec }) {
  const layer = net.layers[0], mask = reach(layer, net.rule.reach);
  const norm = Math.hypot(...all.map((u) => u.exact));
  for (let n = 1; n <= layer.units; n++) {
    const found = spec.weights.map((u) => online(net, steps, u, { ...net.rule, reach: n }).total);
    out[`e${n}`] = Math.hypot(...found.map((u, k) => u - all[k].exact)) / norm;
  }
  const kept = spec.weights.map((u) => mask[u.i].filter(Boolean).length);
  Object.assign(out, { entries: kept.reduce((a, b) => a + b), possible: layer.units * kept.length });
  const use = w.i !== 1 ? 0 : w.name === "W" ? net.x[2][w.j] : steps[2].layers[0].now.z[w.j];
  Object.assign(out, { near: +mask[w.i][1], use, h21: layer.H[1][0], h22: layer.H[1][1] });
}

// LSTM: what one entry of the eligibility of the output is worked out from; every weight to choose feeds unit 1
function gates(out, { net, steps, w }) {
  const [ho11, ho12] = net.layers[0].H_o[0], source = w.name[0] === "W" ? net.x[2] : steps[2].layers[0].now.z;
  Object.assign(out, { ho11, ho12, use: w.name[2] === "o" ? source[w.j] : 0 });
}

// OSTTP: a hidden layer's signal is the target through a fixed matrix, the last layer's its error
function osttp({ net, steps, w, rule, id }, put = () => {}) {
  const kept = id === "reset" ? { ...rule, own: rule.own.filter((e) => e !== "reset") } : rule, last = w.layer === net.layers.length - 1;
  return online(net, steps, w, kept).rows.reduce((sum, row, t) => {
    const y = net.y[t], from = id === "error" ? steps[t + 1].error : y.map((u) => (id === "sign" ? -u : u));
    const L = last ? (id === "output" ? y : steps[t + 1].error) : map(net.layers[0].units, (i) => net.layers[0].p.G.reduce((s, g, k) => s + g[i] * from[k], 0));
    const part = L.reduce((s, u, i) => s + u * row.d[w.layer].z[i], 0);
    put({ t: t + 1, L: L[w.i], e: row.d[w.layer].z[w.i], true: signal(net, steps[t + 1], w.layer)[w.i], part });
    return sum + part;
  }, 0);
}
function projected(out, c) {
  osttp({ ...c, id: "" }, ({ t, ...row }) => Object.entries(row).forEach(([name, u]) => { out[`p${name}.${t}`] = u; }));
  const length = (f) => Math.hypot(...c.all.slice(0, 2).map(f)), dot = c.all.slice(0, 2).reduce((s, u) => s + u.online * u.exact, 0);
  Object.assign(out, { cosine: dot / length((u) => u.online) / length((u) => u.exact), upper: Math.max(...c.all.slice(2).map((u) => Math.abs(u.online - u.exact))) });
  out.when = Number.isFinite(out.cosine) ? "drawn" : "still"; // nothing has no direction
}

Object.assign(Engine.KINDS, { projected: { total: osttp, show: projected }, near: { show: near }, gates: { show: gates } });
};
if (typeof module !== "undefined") module.exports = draws;
else draws(Engine);
