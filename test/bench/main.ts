/**
 * `npm run bench`: what Shoal adds to a direct call, beside what a Worker that does nothing adds. `--quick` takes less
 * than a minute and leaves no file; `--peers` installs two other gateways into a temporary folder and measures them
 * in the same rounds; `--seed` draws other orders. `--workflow` runs a workflow of five steps instead, and draws it.
 */
import { Agent } from "node:http";
import { parseArgs } from "node:util";
import { lineUp, upstreamModel } from "./lineup.ts";
import { describeMachine } from "./machine.ts";
import { startPeers } from "./peers.ts";
import { rawLatency, rawThroughput, writeResults } from "./results.ts";
import { runAll, type Size } from "./run.ts";
import { createRandom } from "./statistics.ts";
import { summarizeLatency, summarizeThroughput } from "./summary.ts";
import { startFloor, startShoal, startUpstream } from "./systems.ts";
import { writeLatency, writeMemory, writeThroughput } from "./table.ts";
import { benchWorkflow } from "./workflow.ts";
import { describeWorkload } from "./workload.ts";

const always = { clients: 8, openStreams: 500 };
const full: Size = { ...always, warmup: 300, jsonRounds: 1_000, streamRounds: 300, slices: 5, sliceMs: 3_000 };
const quick: Size = { ...always, warmup: 40, jsonRounds: 60, streamRounds: 20, slices: 1, sliceMs: 1_000 };

const { values: args } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    peers: { type: "boolean", default: false },
    seed: { type: "string", default: "1" },
    workflow: { type: "boolean", default: false },
  },
});
const size = args.quick ? quick : full;
const random = createRandom(Number(args.seed));
const say = (text: string) => void process.stderr.write(`${text}\n`);

if (args.workflow) {
  console.log(await benchWorkflow({ warmup: 3, runs: args.quick ? 3 : 20, keep: !args.quick, say }));
  process.exit();
}

const machine = describeMachine();
say("starting");
await using upstream = await startUpstream();
await using floor = await startFloor(upstream.url);
await using shoal = await startShoal(upstream.url);
await using peers = args.peers ? await startPeers(upstream.url, say) : null;
const lineup = lineUp({ upstream, floor, shoal, peers });

let requests = 0;
const measured = await runAll(
  lineup,
  { floor: floor.pid, shoal: shoal.pid },
  {
    agent: new Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY }),
    now: () => performance.now(),
    nextRequest: () => ++requests,
    random,
    say,
    size,
  },
);

const { json, stream, jsonLoad, streamLoad, memory, problems } = measured;
const draw = { random, resamples: args.quick ? 200 : 1_000 };
const summary = {
  json: summarizeLatency(lineup.all, json, { metric: "total", ...draw }),
  firstDelta: summarizeLatency(lineup.all, stream, { metric: "firstDelta", ...draw }),
  longestGap: summarizeLatency(lineup.all, stream, { metric: "longestGap", ...draw }),
  throughput: {
    json: summarizeThroughput(lineup.all, jsonLoad),
    stream: summarizeThroughput(lineup.all, streamLoad),
  },
  memory,
};
const conditions = {
  machine,
  versions: peers?.versions ?? {},
  workload: { ...describeWorkload(upstreamModel), ...size, seed: Number(args.seed) },
};

console.log(
  [
    JSON.stringify(conditions, null, 2),
    writeLatency("JSON: until the answer is complete", summary.json),
    writeLatency("Stream: until the first content delta", summary.firstDelta),
    writeLatency("Stream: the longest wait between two deltas", summary.longestGap),
    writeThroughput(`${size.clients} clients at once, median of the slices`, summary.throughput),
    writeMemory(`${size.openStreams} streams at once`, memory),
    ...(peers?.notes ?? []),
    [`${problems.length} wrong answers`, ...new Set(problems.slice(0, 20))].join("\n  "),
  ].join("\n\n"),
);

if (!args.quick) {
  const names = lineup.all.map(({ name }) => name);
  const raw = {
    json: rawLatency(names, json, ["total"]),
    stream: rawLatency(names, stream, ["firstDelta", "longestGap", "total"]),
    perSecond: { json: rawThroughput(names, jsonLoad), stream: rawThroughput(names, streamLoad) },
  };
  const at = new Date().toISOString();
  console.log(`\nRaw samples: ${await writeResults({ at, ...conditions, problems, ...summary, raw })}`);
}
