import type { Lineup } from "./lineup.ts";
import { readResidentMb } from "./machine.ts";
import {
  measureLatency,
  measureMemory,
  measureThroughput,
  type Latency,
  type Memory,
  type Throughput,
} from "./measure.ts";
import { openConversation, type Io } from "./rows.ts";

/** How much is measured. */
export type Size = {
  /** Rounds that are not counted: compilers need a few hundred calls of each row. */
  readonly warmup: number;
  readonly jsonRounds: number;
  readonly streamRounds: number;
  readonly slices: number;
  readonly sliceMs: number;
  readonly clients: number;
  readonly openStreams: number;
};

export type Measured = {
  readonly json: Latency;
  readonly stream: Latency;
  readonly jsonLoad: Throughput;
  readonly streamLoad: Throughput;
  readonly memory: readonly Memory[];
  readonly problems: readonly string[];
};

type RunIo = Io & { readonly random: () => number; readonly say: (text: string) => void };

const whole = { pace: "whole", stream: false } as const;
const spaced = { pace: "spaced", stream: true } as const;
const unspaced = { pace: "unspaced", stream: true } as const;

/** The whole measurement, one part after the other. */
export const runAll = async (
  { all, floor, straight, warm }: Lineup,
  pids: { readonly floor: number; readonly shoal: number },
  { size, ...io }: RunIo & { readonly size: Size },
): Promise<Measured> => {
  const { say } = io;
  say("warming up");
  await openConversation(warm, io);
  await measureLatency(all, { ...whole, rounds: size.warmup }, io);
  await measureLatency(all, { ...unspaced, rounds: Math.ceil(size.warmup / 2) }, io);

  say(`JSON, ${size.jsonRounds} rounds`);
  const json = await measureLatency(all, { ...whole, rounds: size.jsonRounds }, io);
  say(`streams, ${size.streamRounds} rounds`);
  const stream = await measureLatency(all, { ...spaced, rounds: size.streamRounds }, io);

  say(`throughput, ${size.slices} slices of ${size.sliceMs} ms a row`);
  const jsonLoad = await measureThroughput(all, { ...whole, ...size }, io);
  const streamLoad = await measureThroughput(all, { ...unspaced, ...size }, io);

  say(`memory, ${size.openStreams} streams at once`);
  const open = async (row: typeof floor, pid: number) =>
    measureMemory(row, { streams: size.openStreams, readMb: () => readResidentMb(pid) }, io);
  const memory = [await open(floor, pids.floor), await open(straight, pids.shoal)];

  const problems = [json, stream, jsonLoad, streamLoad, ...memory].flatMap((part) => part.problems);
  return { json, stream, jsonLoad, streamLoad, memory: memory.map((part) => part.memory), problems };
};
