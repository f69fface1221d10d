/**
 * `npm run bench`: what Shoal adds to a direct call, beside what a Worker that does nothing adds. `--quick` takes less
 * than a minute and leaves no file; `--peers` installs two other gateways into a temporary folder and measures them
 * in the same rounds.
 */
import { Agent } from "node:http";
import { parseArgs } from "node:util";
import { workerCards } from "../../shared/worker-cards.ts";
import { describeMachine, readResidentMb } from "./machine.ts";
import { measureLatency, measureMemory, measureThroughput } from "./measure.ts";
import { startPeers } from "./peers.ts";
import { rawLatency, rawThroughput, writeResults } from "./results.ts";
import { openConversation, type Io, type Row } from "./rows.ts";
import { createRandom } from "./statistics.ts";
import { summarizeLatency, summarizeThroughput } from "./summary.ts";
import { startFloor, startShoal, startUpstream } from "./systems.ts";
import { writeLatency, writeMemory, writeThroughput } from "./table.ts";
import { deltas, spacingMs, writeQuestion } from "./workload.ts";

const full = { warmup: 300, json: 1_000, stream: 300, slices: 5, sliceMs: 3_000, resamples: 1_000 };
const quick = { warmup: 40, json: 60, stream: 20, slices: 1, sliceMs: 1_000, resamples: 200 };
const clients = 8;
const openStreams = 500;

const { values: args } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    peers: { type: "boolean", default: false },
    seed: { type: "string", default: "1" },
  },
});
const size = args.quick ? quick : full;
const random = createRandom(Number(args.seed));
let requests = 0;
const io: Io & { random: () => number } = {
  agent: new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY }),
  now: () => performance.now(),
  nextRequest: () => ++requests,
  random,
};
const say = (text: string) => void process.stderr.write(`${text}\n`);

const machine = describeMachine();
say("starting");
await using upstream = await startUpstream();
await using floor = await startFloor(upstream.url);
await using shoal = await startShoal(upstream.url);
await using peers = args.peers ? await startPeers(upstream.url, say) : null;

const card = workerCards.find(({ provider }) => provider === "openai");
if (!card) throw new Error("no worker card speaks the upstream's format");
const chat = (url: string) => `${url}/v1/chat/completions`;
const plain = { headers: {}, model: card.upstream, conversation: "warm", plan: null } as const;
const ours = { url: chat(shoal.url), headers: { authorization: `Bearer ${shoal.key}` } };
const straight: Row = {
  ...ours,
  name: "straight through",
  model: card.id,
  conversation: "warm",
  plan: /source=client/,
};
const warm: Row = { ...ours, name: "Mini, warm", model: "shoal-mini", conversation: "warm", plan: /source=affinity/ };
const cold: Row = {
  ...ours,
  name: "Mini, cold",
  model: "shoal-mini",
  conversation: "cold",
  plan: /source=(conductor|edge_head)/,
};
const bare: Row = { ...plain, name: "floor", url: chat(floor.url) };
const rows: readonly Row[] = [
  { ...plain, name: "direct", url: chat(upstream.url) },
  bare,
  straight,
  warm,
  cold,
  ...(peers?.rows ?? []).map((peer) => ({ ...plain, ...peer })),
];
await openConversation(warm, io);

say("warming up");
await measureLatency(rows, { pace: "whole", stream: false, rounds: size.warmup }, io);
await measureLatency(rows, { pace: "unspaced", stream: true, rounds: Math.ceil(size.warmup / 2) }, io);
say(`JSON, ${size.json} rounds`);
const json = await measureLatency(rows, { pace: "whole", stream: false, rounds: size.json }, io);
say(`streams, ${size.stream} rounds`);
const stream = await measureLatency(rows, { pace: "spaced", stream: true, rounds: size.stream }, io);
say(`throughput, ${size.slices} slices of ${size.sliceMs} ms a row`);
const load = { slices: size.slices, sliceMs: size.sliceMs, clients };
const jsonLoad = await measureThroughput(rows, { pace: "whole", stream: false, ...load }, io);
const streamLoad = await measureThroughput(rows, { pace: "unspaced", stream: true, ...load }, io);
say(`memory, ${openStreams} streams at once`);
const memory = [
  await measureMemory(bare, { streams: openStreams, readMb: () => readResidentMb(floor.pid) }, io),
  await measureMemory(straight, { streams: openStreams, readMb: () => readResidentMb(shoal.pid) }, io),
];

const draw = { random, resamples: size.resamples };
const summary = {
  json: summarizeLatency(rows, json, { metric: "total", ...draw }),
  firstDelta: summarizeLatency(rows, stream, { metric: "firstDelta", ...draw }),
  longestGap: summarizeLatency(rows, stream, { metric: "longestGap", ...draw }),
  throughput: { json: summarizeThroughput(rows, jsonLoad), stream: summarizeThroughput(rows, streamLoad) },
  memory: memory.map((part) => part.memory),
};
const question = { model: card.upstream, pace: "whole", request: 0, conversation: 0 } as const;
const workload = {
  bodyBytes: Buffer.byteLength(writeQuestion({ ...question, stream: false })),
  messages: 3,
  deltas,
  spacingMs: spacingMs.spaced,
  memorySpacingMs: spacingMs.slow,
  warmupRounds: size.warmup,
  clients,
  seed: Number(args.seed),
};
const problems = [json, stream, jsonLoad, streamLoad, ...memory].flatMap((part) => part.problems);

say("");
console.log(JSON.stringify({ machine, versions: peers?.versions ?? {}, workload }, null, 2));
console.log(`\n${writeLatency(`JSON: until the answer is complete, ${size.json} rounds`, summary.json)}`);
console.log(`\n${writeLatency(`Stream: until the first content delta, ${size.stream} rounds`, summary.firstDelta)}`);
console.log(`\n${writeLatency("Stream: the longest wait between two deltas", summary.longestGap)}`);
console.log(`\n${writeThroughput(`${clients} clients, median of ${size.slices} slices`, summary.throughput)}`);
console.log(`\n${writeMemory(`${openStreams} streams at once`, summary.memory)}`);
for (const note of peers?.notes ?? []) console.log(`\n${note}`);
console.log(`\n${problems.length} wrong answers`);
for (const problem of new Set(problems.slice(0, 20))) console.log(`  ${problem}`);

if (!args.quick) {
  const names = rows.map(({ name }) => name);
  const raw = {
    json: rawLatency(names, json, ["total"]),
    stream: rawLatency(names, stream, ["firstDelta", "longestGap", "total"]),
    perSecond: { json: rawThroughput(names, jsonLoad), stream: rawThroughput(names, streamLoad) },
  };
  const file = await writeResults({
    at: new Date().toISOString(),
    machine,
    versions: peers?.versions ?? {},
    workload,
    problems,
    ...summary,
    raw,
  });
  console.log(`\nRaw samples: ${file}`);
}
