// Real-time recurrent learning for stacks of tanh RNN layers, in JavaScript without packages.
//
// One problem per line comes in on standard input, one line of gradients goes out on standard output:
//   {"network": ..., "parameters": {"layers.0.W": [[...]], ...}, "inputs": [t][b][i], "targets": [t][b][k]}
//   {"loss": ..., "gradients": {"layers.0.W": [[...]], ...}, "outputs": [t][b][k]}
// The same learner takes a sequence one step at a time, which is what the claim "online" is checked on:
//   {"start": {"network": ..., "parameters": ..., "batch": 2}}                          {"measures": true}
//   {"step": {"input": [b][i], "target": [b][k] or null}}                               {"output": [b][k]}
//   {"gradients": true}                                                                 {"loss": ..., "gradients": ...}
//   {"measure": true}                                                                   {"measured": bytes held}
//
// Claim: rtrl, cell rnn, any depth, float64. M[l][q][k] = dh_q/dw_k of layer l, for every parameter w_k of the network:
//   M_l^t = (1 - h^2) (W_l M_(l-1)^t + H_l M_l^(t-1) + immediate)        dE/dw = sum_t (dE/dh_K^t) M_K^t

import readline from "node:readline";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const zeros = (rows, columns) => Array.from({ length: rows }, () => new Float64Array(columns));
const dot = (row, x) => row.reduce((sum, w, j) => sum + w * x[j], 0);

function share(loss, o, y) {
  // loss of one step and sample, and its derivative with respect to the output
  if (loss.kind === "squared_error") {
    const e = Array.from(o, (v, k) => v - y[k]);
    return [dot(e, e) / 2, e];
  }
  const shift = Math.max(...o);
  const total = o.reduce((sum, v) => sum + Math.exp(v - shift), 0);
  const mass = y.reduce((sum, v) => sum + v, 0);
  const logP = Array.from(o, (v) => v - shift - Math.log(total));
  return [-dot(y, logP), logP.map((v, k) => mass * Math.exp(v) - y[k])];
}

class Rtrl {
  constructor({ network, parameters, batch }) {
    this.layers = network.layers;
    this.loss = network.loss;
    this.parameters = parameters;
    this.offset = {}; // where a parameter's entries start in the flat vector w
    this.size = 0;
    for (const [name, value] of Object.entries(parameters)) {
      this.offset[name] = this.size;
      this.size += value.flat().length;
    }
    this.gradient = new Float64Array(this.size);
    this.value = 0;
    this.batch = batch;
    this.counted = 0; // steps that the loss counts
    const fresh = () => ({
      h: this.layers.map((layer) => new Float64Array(layer.units)),
      M: this.layers.map((layer) => zeros(layer.units, this.size)),
    });
    this.samples = Array.from({ length: batch }, fresh);
  }

  // Take a step's input and target, or null where the loss does not count; return the output.
  step(input, target) {
    if (target !== null) this.counted += 1;
    return this.samples.map((sample, s) => this.advance(sample, input[s], target === null ? null : target[s]));
  }

  advance({ h, M }, x, y) {
    const { parameters, offset, size } = this;
    let below = null;
    this.layers.forEach((layer, l) => {
      const W = parameters[`layers.${l}.W`], H = parameters[`layers.${l}.H`], b = parameters[`layers.${l}.b`];
      const next = new Float64Array(layer.units), tangent = zeros(layer.units, size);
      for (let q = 0; q < layer.units; q++) {
        next[q] = Math.tanh(dot(W[q], x) + (H ? dot(H[q], h[l]) : 0) + (b ? b[q] : 0));
        const row = tangent[q];
        for (let k = 0; k < size; k++) {
          if (below) for (let j = 0; j < x.length; j++) row[k] += W[q][j] * below[j][k];
          if (H) for (let j = 0; j < layer.units; j++) row[k] += H[q][j] * M[l][j][k];
        }
        x.forEach((v, j) => { row[offset[`layers.${l}.W`] + q * x.length + j] += v; });
        if (H) h[l].forEach((v, j) => { row[offset[`layers.${l}.H`] + q * layer.units + j] += v; });
        if (b) row[offset[`layers.${l}.b`] + q] += 1;
        for (let k = 0; k < size; k++) row[k] *= 1 - next[q] * next[q];
      }
      h[l] = next;
      M[l] = tangent;
      x = next;
      below = tangent;
    });
    if (y !== null) {
      const [e, signal] = share(this.loss, x, y);
      this.value += e;
      signal.forEach((d, q) => { for (let k = 0; k < size; k++) this.gradient[k] += d * below[q][k]; });
    }
    return Array.from(x);
  }

  // Loss and gradients of the steps so far; a mean over time is the mean over these.
  gradients() {
    const divisor = (this.loss.time === "mean" ? this.counted || 1 : 1) * (this.loss.batch === "mean" ? this.batch : 1);
    const gradients = {};
    for (const [name, shaped] of Object.entries(this.parameters)) {
      let k = this.offset[name];
      const next = () => this.gradient[k++] / divisor;
      gradients[name] = shaped.map((row) => (Array.isArray(row) ? row.map(next) : next()));
    }
    return { loss: this.value / divisor, gradients };
  }
}

function whole({ inputs, targets, ...start }) {
  const learner = new Rtrl({ ...start, batch: inputs[0].length });
  const last = start.network.loss.when === "last";
  const outputs = inputs.map((x, t) => learner.step(x, last && t < inputs.length - 1 ? null : targets[t]));
  return { ...learner.gradients(), outputs };
}

let learner = null;
setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");

function answer(message) {
  if (message.start) {
    learner = new Rtrl(message.start);
    return { measures: true };
  }
  if (message.step) return { output: learner.step(message.step.input, message.step.target) };
  if (message.measure) {
    collect();
    return { measured: process.memoryUsage().heapUsed };
  }
  return message.gradients ? learner.gradients() : whole(message);
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  if (line.trim()) console.log(JSON.stringify(answer(JSON.parse(line))));
}
