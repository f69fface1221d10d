import { setTimeout as delay } from "node:timers/promises";
import { tryRow, type Io, type Row, type Sample } from "./rows.ts";
import { shuffle } from "./statistics.ts";
import type { Pace } from "./workload.ts";

type Random = { readonly random: () => number };
type Work = { readonly pace: Pace; readonly stream: boolean };

/** One sample of each row, taken one after another; null where the answer was wrong. */
export type Round = readonly (Sample | null)[];

export type Latency = { readonly rounds: readonly Round[]; readonly problems: readonly string[] };

/** Asks every row once a round, in an order that is drawn anew for each; one request at a time. */
export const measureLatency = async (
  rows: readonly Row[],
  work: Work & { readonly rounds: number },
  io: Io & Random,
): Promise<Latency> => {
  const rounds: Round[] = [];
  const problems: string[] = [];
  while (rounds.length < work.rounds) {
    const round: (Sample | null)[] = rows.map(() => null);
    for (const [index, row] of shuffle([...rows.entries()], io.random)) {
      const outcome = await tryRow(row, work, io);
      if ("sample" in outcome) round[index] = outcome.sample;
      else problems.push(outcome.problem);
    }
    rounds.push(round);
  }
  return { rounds, problems };
};

/** Requests per second of each row in one slice, and how many of them the conductor did not plan. */
export type Slice = readonly { readonly perSecond: number; readonly fellBack: number }[];

export type Throughput = { readonly slices: readonly Slice[]; readonly problems: readonly string[] };

/** Gives each row to `clients` that ask without pause, in short slices in turn, so that a slow minute hits all rows. */
export const measureThroughput = async (
  rows: readonly Row[],
  work: Work & { readonly slices: number; readonly sliceMs: number; readonly clients: number },
  io: Io & Random,
): Promise<Throughput> => {
  const slices: Slice[] = [];
  const problems: string[] = [];
  while (slices.length < work.slices) {
    const slice = new Map<Row, Slice[number]>();
    for (const row of shuffle(rows, io.random)) slice.set(row, await runSlice(row, work, io, problems));
    slices.push(rows.map((row) => slice.get(row) ?? { perSecond: 0, fellBack: 0 }));
  }
  return { slices, problems };
};

const runSlice = async (
  row: Row,
  work: Work & { readonly sliceMs: number; readonly clients: number },
  io: Io,
  problems: string[],
): Promise<Slice[number]> => {
  const began = io.now();
  const until = began + work.sliceMs;
  const runClient = async () => {
    let [done, fellBack] = [0, 0];
    while (io.now() < until) {
      const outcome = await tryRow(row, work, io);
      if ("problem" in outcome) problems.push(outcome.problem);
      else {
        done += 1;
        if (outcome.sample.fellBack) fellBack += 1;
      }
    }
    return { done, fellBack };
  };
  const clients = await Promise.all(Array.from({ length: work.clients }, runClient));
  const seconds = (io.now() - began) / 1000;
  return {
    perSecond: clients.reduce((sum, { done }) => sum + done, 0) / seconds,
    fellBack: clients.reduce((sum, { fellBack }) => sum + fellBack, 0),
  };
};

/** Resident memory of a process in MB: before, the most during, and how many streams were answered rightly. */
export type Memory = {
  readonly row: string;
  readonly streams: number;
  readonly completed: number;
  readonly idleMb: number;
  readonly peakMb: number;
};

const sampleEveryMs = 100;

/** Opens all streams at once; each takes long enough that all are open together. */
export const measureMemory = async (
  row: Row,
  { streams, readMb }: { readonly streams: number; readonly readMb: () => Promise<number> },
  io: Io,
): Promise<{ readonly memory: Memory; readonly problems: readonly string[] }> => {
  const idleMb = await readMb();
  const running = Array.from({ length: streams }, () => tryRow(row, { pace: "slow", stream: true }, io));
  const ended = Promise.all(running);
  const over = ended.then(() => true);
  let peakMb = idleMb;
  while (!(await Promise.race([over, delay(sampleEveryMs, false)]))) peakMb = Math.max(peakMb, await readMb());
  const problems = (await ended).flatMap((outcome) => ("problem" in outcome ? [outcome.problem] : []));
  return { memory: { row: row.name, streams, completed: streams - problems.length, idleMb, peakMb }, problems };
};
