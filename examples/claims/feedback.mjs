// The claim of feedback.toml in JavaScript without packages: x -> low -> high -> out, and high -> low a step later.
//
// One problem per line comes in on standard input, one line of gradients goes out on standard output; the graph is
// problem.network.graph, and its weights have the names of what they connect: low.W.x, low.W.high, high.W, out.W.
//   gradcert certify --claim examples/claims/feedback.toml -- node examples/claims/feedback.mjs

import readline from "node:readline";

const times = (matrix, x) => matrix.map((row) => row.reduce((sum, w, j) => sum + w * x[j], 0));
const back = (matrix, d) => matrix[0].map((_, j) => d.reduce((sum, v, i) => sum + v * matrix[i][j], 0));
const plus = (...all) => all[0].map((_, i) => all.reduce((sum, v) => sum + v[i], 0));
const zeros = (value) => (Array.isArray(value) ? value.map(zeros) : 0);

function outer(total, d, x) {
  d.forEach((v, i) => x.forEach((w, j) => { total[i][j] += v * w; }));
}

function sequence(p, x, y, g) {
  // one sample: forwards, then backwards in time; returns its loss and outputs
  let high = p["high.b"].map(() => 0);
  const kept = x.map((xt) => {
    const before = high;
    const low = plus(times(p["low.W.x"], xt), times(p["low.W.high"], before), p["low.b"]).map(Math.tanh);
    high = plus(times(p["high.W"], low), p["high.b"]).map(Math.tanh);
    return { before, low, high, out: plus(times(p["out.W"], high), p["out.b"]) };
  });
  let loss = 0, later = p["high.b"].map(() => 0);
  for (let t = x.length - 1; t >= 0; t -= 1) {
    const { before, low, high: h, out } = kept[t];
    const e = out.map((v, k) => v - y[t][k]);
    loss += e.reduce((sum, v) => sum + v * v, 0) / 2;
    const a = plus(back(p["out.W"], e), later).map((v, i) => v * (1 - h[i] * h[i]));
    const b = back(p["high.W"], a).map((v, i) => v * (1 - low[i] * low[i]));
    outer(g["out.W"], e, h);
    outer(g["high.W"], a, low);
    outer(g["low.W.x"], b, x[t]);
    outer(g["low.W.high"], b, before);
    for (const [name, d] of [["out.b", e], ["high.b", a], ["low.b", b]]) g[name] = plus(g[name], d);
    later = back(p["low.W.high"], b);
  }
  return [loss, kept.map((step) => step.out)];
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  const problem = JSON.parse(line);
  const read = problem.network.graph.connections.map((c) => `${c.source} -> ${c.target} ${c.lag ?? 0}`).sort();
  if (read.join() !== "high -> low 1,high -> out 0,low -> high 0,x -> low 0") {
    console.log(JSON.stringify({ error: `another graph: ${read.join()}` }));
    continue;
  }
  const p = problem.parameters;
  const gradients = Object.fromEntries(Object.entries(p).map(([name, value]) => [name, zeros(value)]));
  let loss = 0;
  const outputs = problem.inputs.map(() => []);
  problem.inputs[0].forEach((_, b) => {
    const own = (array) => array.map((step) => step[b]);
    const [share, out] = sequence(p, own(problem.inputs), own(problem.targets), gradients);
    loss += share;
    out.forEach((o, t) => outputs[t].push(o));
  });
  console.log(JSON.stringify({ loss, gradients, outputs }));
}
