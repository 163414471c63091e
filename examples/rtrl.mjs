// Real-time recurrent learning for stacks of tanh RNN layers, in JavaScript without packages.
//
// One problem per line comes in on standard input, one line of gradients goes out on standard output:
//   {"network": ..., "parameters": {"layers.0.W": [[...]], ...}, "inputs": [t][b][i], "targets": [t][b][k]}
//   {"loss": ..., "gradients": {"layers.0.W": [[...]], ...}, "outputs": [t][b][k]}
//
// Claim: rtrl, cell rnn, any depth, float64. M[l][q][k] = dh_q/dw_k of layer l, for every parameter w_k of the network:
//   M_l^t = (1 - h^2) (W_l M_(l-1)^t + H_l M_l^(t-1) + immediate)        dE/dw = sum_t (dE/dh_K^t) M_K^t

import readline from "node:readline";

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

function rtrl({ network, parameters, inputs, targets }) {
  const { layers, loss } = network;
  const offset = {}; // where a parameter's entries start in the flat vector w
  let size = 0;
  for (const [name, value] of Object.entries(parameters)) {
    offset[name] = size;
    size += value.flat().length;
  }
  const gradient = new Float64Array(size);
  const steps = inputs.length, batch = inputs[0].length;
  const divisor = (loss.time === "mean" && loss.when === "every" ? steps : 1) * (loss.batch === "mean" ? batch : 1);
  const outputs = inputs.map(() => []);
  let value = 0;

  for (let s = 0; s < batch; s++) {
    let h = layers.map((layer) => new Float64Array(layer.units));
    let M = layers.map((layer) => zeros(layer.units, size));
    for (let t = 0; t < steps; t++) {
      let x = inputs[t][s], below = null;
      layers.forEach((layer, l) => {
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
      outputs[t].push(Array.from(x));
      if (loss.when === "last" && t < steps - 1) continue;
      const [e, signal] = share(loss, x, targets[t][s]);
      value += e / divisor;
      signal.forEach((d, q) => { for (let k = 0; k < size; k++) gradient[k] += (d / divisor) * below[q][k]; });
    }
  }

  const gradients = {};
  for (const [name, shaped] of Object.entries(parameters)) {
    let k = offset[name];
    gradients[name] = shaped.map((row) => (Array.isArray(row) ? row.map(() => gradient[k++]) : gradient[k++]));
  }
  return { loss: value, gradients, outputs };
}

for await (const line of readline.createInterface({ input: process.stdin })) {
  if (line.trim()) console.log(JSON.stringify(rtrl(JSON.parse(line))));
}
