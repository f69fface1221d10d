import type { DecidedAnswer } from "../../../shared/doubly-robust.ts";
import { err, ok, type Result } from "../../../shared/result.ts";
import type { Trace } from "../../account/trace.ts";

/** What stays of a trace once its answer has been scored: how it was decided, and no word of prompt or answer. */
export type ScoredAnswer = DecidedAnswer & {
  readonly id: string;
  /** When it was asked for, in milliseconds since the epoch. */
  readonly at: number;
  readonly model: string;
  /** Whether one worker alone answered, in the user's own words. */
  readonly direct: boolean;
  /** Name of the task type; null where the prompt was far from every recorded one. */
  readonly taskType: string | null;
  readonly weights: string | null;
  readonly costDollars: number | null;
  readonly latencyMs: number | null;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
};

/** Fails where there was no answer to score. */
export const scoredAnswerOf = (trace: Trace): Result<ScoredAnswer, string> => {
  const { plan, worker } = trace;
  if (worker === null) return err("the request has no whole answer that could be scored");
  const usage = trace.steps.findLast((step) => step.worker === worker)?.usage ?? null;
  return ok({
    id: trace.id,
    at: trace.at,
    model: trace.model,
    worker,
    direct: plan.kind === "workflow" && plan.workers.length === 1,
    best: plan.scores[0]?.worker ?? null,
    drawn: plan.exploration ? { worker: plan.exploration.worker, propensities: plan.exploration.propensities } : null,
    foreseen: Object.fromEntries(
      plan.scores.map((score) => [
        score.worker,
        { quality: round(score.quality), corrected: round(score.quality + (score.bias ?? 0)) },
      ]),
    ),
    taskType: plan.task_type?.name ?? null,
    weights: plan.weights,
    costDollars: trace.cost_usd,
    latencyMs: trace.timing["total"] ?? null,
    inputTokens: usage?.inputTokens ?? null,
    outputTokens: usage?.outputTokens ?? null,
  });
};

/** The workers that gave an answer of their own to the user's own words. */
export const answerersOf = ({ steps }: Trace): readonly string[] =>
  steps.filter(({ role, outcome }) => role === "answer" && outcome === "done").map(({ worker }) => worker);

const round = (quality: number): number => Math.round(quality * 10_000) / 10_000;

export type Lesson =
  | { readonly worker: string; readonly quality: number; readonly weights: string }
  /** Why the score teaches nothing of a single worker. */
  | { readonly why: string };

/** What a score says something of: the worker named, else the one that answered alone. */
export const lessonOf = (answer: ScoredAnswer, named: string | null): Lesson => {
  if (named === null && !answer.direct) {
    return { why: "several workers had a part in the answer: name one to score its own part" };
  }
  const worker = named ?? answer.worker;
  const foreseen = answer.foreseen[worker];
  if (!foreseen || answer.weights === null) {
    return { why: "no quality was foreseen for the turn: its worker was settled before" };
  }
  return { worker, quality: foreseen.quality, weights: answer.weights };
};
