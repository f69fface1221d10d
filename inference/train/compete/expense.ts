/** What workers are expected to cost on a text: the same for every candidate, as task types let expect. */
import { decide } from "../../../shared/decide.ts";
import type { Prediction } from "../../../shared/head.ts";
import type { Strengths } from "../fit/fit-strengths.ts";
import { requestOf, type Trade } from "../replay/replay.ts";
import type { Field } from "./field.ts";

/** By worker of the pool. */
export type Expense = {
  readonly outputTokens: readonly (number | null)[];
  readonly latencyMs: readonly (number | null)[];
  /** What a λ of 1 takes off a worker's utility. */
  readonly dollars: Float64Array;
  /** What a μ of 1 takes off it. */
  readonly seconds: Float64Array;
};

/** What the decision reads of a text when a candidate has said its qualities. */
export const predictionOf = (pool: readonly string[], quality: Float64Array, expense: Amounts): Prediction => ({
  types: [],
  support: 1,
  profiles: new Map(
    pool.map((name, at) => [
      name,
      {
        quality: quality[at] ?? 0,
        outputTokens: expense.outputTokens[at] ?? null,
        latencyMs: expense.latencyMs[at] ?? null,
        evidence: 0,
        standardError: null,
      },
    ]),
  ),
  ballot: {},
});

export type Amounts = Pick<Expense, "outputTokens" | "latencyMs">;

/** The amounts that strengths let expect where these shares of the task types are known. */
export const amountsOf = (strengths: readonly Strengths[], shares: readonly number[]): Amounts => ({
  outputTokens: strengths.map((worker) => meanOf(worker.outputTokens, shares)),
  latencyMs: strengths.map((worker) => meanOf(worker.latencyMs, shares)),
});

export const expenseOf = (
  field: Field,
  at: number,
  known: { readonly strengths: readonly Strengths[]; readonly shares: readonly number[] },
): Expense => {
  const amounts = amountsOf(known.strengths, known.shares);
  const prediction = predictionOf(field.pool, new Float64Array(field.pool.length), amounts);
  const text = field.texts[at]?.text ?? "";
  const takenOff = (trade: Trade): Float64Array => {
    const request = requestOf(text, { ...trade, pool: field.pool, prices: field.prices, extractor: null });
    const { scores } = decide(prediction, request, "");
    const utilities = new Map(scores.map(({ worker, utility }) => [worker, utility]));
    return Float64Array.from(field.pool, (name) => -(utilities.get(name) ?? 0));
  };
  return { ...amounts, dollars: takenOff({ lambda: 1, mu: 0 }), seconds: takenOff({ lambda: 0, mu: 1 }) };
};

/** Mean of what is known, weighted; null when nothing is. */
const meanOf = (values: readonly (number | null)[], shares: readonly number[]): number | null => {
  let sum = 0;
  let total = 0;
  for (const [at, value] of values.entries()) {
    if (value === null) continue;
    sum += value * (shares[at] ?? 0);
    total += shares[at] ?? 0;
  }
  return total > 0 ? sum / total : null;
};
