/** Decisions on recorded prompts, scored by what was recorded: the same `decide` and `tally` as in service. */
import { readAnswer, type Extractor } from "../../../shared/answers.ts";
import { tally, type Ballot, type Vote, type Winner } from "../../../shared/ballot.ts";
import { decide } from "../../../shared/decide.ts";
import type { Candidate, PlanRequest } from "../../../shared/decision.ts";
import type { Prediction } from "../../../shared/head.ts";
import { viewOf } from "../../../shared/prompt-view.ts";
import type { Rates } from "../../../shared/pricing.ts";
import type { Prompt } from "../recordings/prompts.ts";
import type { Outcome } from "../recordings/recordings.ts";

export type Played = {
  /** 0 to 1. */
  readonly score: number;
  /** Recorded dollars of all calls made. */
  readonly dollars: number;
  readonly calls: number;
  readonly waves: number;
};

export type Trade = { readonly lambda: number; readonly mu: number };

/** What a call counts where a set has no costs, so that λ has something to weigh: 100 tokens at $4 a million. */
export const assumedCallDollars = 0.0004;

/** The pool as candidates: prices fitted to the recorded costs, nothing observed of their latency. */
const candidatesOf = (pool: readonly string[], prices: ReadonlyMap<string, Rates>, inputTokens: number): Candidate[] =>
  pool.map((name) => ({
    worker: name,
    profile: name,
    strengths: "measured",
    price: prices.get(name) ?? { input: (assumedCallDollars * 1e6) / inputTokens, output: 0 },
    latencyMs: null,
    bias: 0,
  }));

/** What is asked of the conductor for a recorded text, with the edge's estimate of four characters a token. */
export const requestOf = (
  text: string,
  options: Trade & {
    readonly pool: readonly string[];
    readonly prices: ReadonlyMap<string, Rates>;
    readonly extractor: Extractor | null;
  },
): PlanRequest => {
  const inputTokens = Math.max(1, Math.ceil(text.length / 4));
  return {
    view: viewOf("", text),
    extractor: options.extractor,
    inputTokens,
    tools: false,
    tier: options.extractor === null ? "mini" : "ultra",
    lambda: options.lambda,
    mu: options.mu,
    deadlineMs: 1500,
    candidates: candidatesOf(options.pool, options.prices, inputTokens),
  };
};

/** One decision carried out on the record. A worker that the record lacks counts as an unreadable, wrong answer. */
export const play = (prompt: Prompt, prediction: Prediction, request: PlanRequest, version: string): Played => {
  const { plan, scores } = decide(prediction, request, version);
  if (plan.kind === "ballot") return playBallot(prompt, plan.ballot);
  const worker = plan.steps.at(-1)?.worker ?? scores[0]?.worker ?? "";
  return playSingle(prompt, worker);
};

export const playSingle = (prompt: Prompt, worker: string): Played => {
  const outcome = prompt.models[worker];
  return { score: outcome?.correct ?? 0, dollars: dollarsOf(outcome), calls: 1, waves: 1 };
};

export type Polled = {
  /** In the order of asking. */
  readonly votes: readonly Vote[];
  readonly waves: number;
  /** Null when most workers abstained. */
  readonly winner: Winner | null;
};

/** A ballot carried out on the record. */
export const poll = (prompt: Prompt, ballot: Ballot): Polled => {
  const votes: Vote[] = [];
  let waves = 0;
  let state = tally(ballot, votes);
  while (!state.decided) {
    waves++;
    for (const worker of state.ask) votes.push({ worker, answer: answerOf(prompt.models[worker], ballot.extractor) });
    state = tally(ballot, votes);
  }
  return { votes, waves, winner: state.winner };
};

export const playBallot = (prompt: Prompt, ballot: Ballot): Played => {
  const { votes, waves, winner } = poll(prompt, ballot);
  // Without a winner the best worker's own text goes out: replays cannot score a judge that writes.
  const worker = winner?.worker ?? ballot.order[0]?.worker ?? "";
  const dollars = votes.reduce((sum, vote) => sum + dollarsOf(prompt.models[vote.worker]), 0);
  return { score: prompt.models[worker]?.correct ?? 0, dollars, calls: votes.length, waves };
};

/** The recorded answer in canonical form; null when none could be read. */
export const answerOf = (outcome: Outcome | undefined, extractor: Extractor): string | null => {
  const recorded = outcome?.pred ?? null;
  if (recorded === null) return null;
  // What was not read is null: an empty text is the answer of a question whose answer is the empty string.
  return recorded === "" && extractor === "short" ? emptyString : readAnswer(extractor, recorded);
};

/** As `readAnswer` spells it. */
const emptyString = '""';

export const extractorOf = (prompt: Prompt): Extractor | null => {
  if (Object.values(prompt.models).every((outcome) => outcome.pred === undefined)) return null;
  if (prompt.verifier !== undefined) return prompt.verifier === "tests" ? null : prompt.verifier;
  if (prompt.domain.startsWith("mmlupro/")) return "choice";
  return prompt.domain.startsWith("math/") ? "number" : "short";
};

const dollarsOf = (outcome: Outcome | undefined): number => outcome?.cost_usd ?? assumedCallDollars;
