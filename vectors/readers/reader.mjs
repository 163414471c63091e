// Judge answers to golden vectors: node reader.mjs VECTORS.jsonl ANSWERS.jsonl
// Says of every vector how many entries are outside their budgets; ends with 1 if any is, 2 if a file is not JSON.
import { readFileSync } from "node:fs";

process.on("uncaughtException", (error) => { console.error(`reader: ${error.message}`); process.exit(2); });
const lines = (name) => readFileSync(name, "utf8").split("\n").filter((line) => line.trim()).map((line) => JSON.parse(line));

// How many entries of an answer are outside: nested lists of one shape, and numbers at the bottom.
function outside(value, budget, given) {
  if (!Array.isArray(value)) return typeof given === "number" && Math.abs(given - value) <= budget ? 0 : 1;
  if (!Array.isArray(given) || given.length !== value.length) return 1;
  return value.reduce((sum, item, k) => sum + outside(item, budget[k], given[k]), 0);
}

if (process.argv.length !== 4) {
  console.error("usage: node reader.mjs VECTORS.jsonl ANSWERS.jsonl");
  process.exit(2);
}
const [vectors, answers] = process.argv.slice(2).map(lines);
const byId = new Map(answers.map((answer) => [answer?.id, answer]));
let wrong = 0;
for (const { id, expected } of vectors) {
  const gradients = byId.get(id)?.gradients;
  let bad = 0;
  for (const [name, { value, budget }] of Object.entries(expected.gradients)) bad += outside(value, budget, gradients?.[name]);
  wrong += bad;
  console.log(`${id}: ${gradients ? (bad ? `${bad} outside` : "ok") : "no answer"}`);
}
process.exit(wrong ? 1 : 0);
