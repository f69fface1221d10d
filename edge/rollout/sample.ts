import { toMicroDollars } from "../../shared/pricing.ts";
import type { RolloutForecast, RolloutSample, Settlement } from "../objects/records.ts";
import type { Planned } from "../plan/planned.ts";
import type { Rollout } from "./rollout.ts";
import { scoreOf, type Shadow } from "./shadow.ts";

export type SampleInput = {
  readonly planned: Pick<Planned, "decision" | "source">;
  readonly status: Settlement["status"];
  /** Whether the answer was read as it was written: else its first token is its last. */
  readonly stream: boolean;
  /** Milliseconds since arrival; null when it was not reached. */
  readonly timing: Readonly<Record<string, number | null>>;
};

/** What a request says of its arm; null where nobody counts, and for an answer from the cache, which says nothing. */
export const takeSample = (
  rollout: Rollout,
  { planned, status, stream, timing }: SampleInput,
): RolloutSample | null => {
  const { stage, arm, conversation, baseline } = rollout;
  if (stage === undefined || planned.source === "cache") return null;
  return {
    stage,
    arm,
    conversation,
    latencyMs: status === "complete" ? (timing["total"] ?? null) : null,
    firstTokenMs: stream ? (timing["first_token"] ?? null) : null,
    foreseen: arm === "shoal" && status === "complete" ? baselineForecast(planned, baseline) : null,
  };
};

/** What the baseline would have cost; null on a turn that was settled without a decision. */
const baselineForecast = ({ decision }: SampleInput["planned"], baseline: string): RolloutForecast | null => {
  const dollars = scoreOf(decision, baseline)?.costDollars ?? null;
  if (dollars === null) return null;
  const cost = toMicroDollars(dollars);
  return { worker: baseline, cost, most: cost };
};

/**
 * What the conductor's plan would have cost; null where that is not known, and where there is no whole answer beside
 * which it could stand: a part of one costs less than any that was foreseen.
 */
export const toForecast = (shadow: Shadow, status: SampleInput["status"]): RolloutForecast | null => {
  if (status !== "complete" || "error" in shadow || shadow.cost_usd === null) return null;
  const cost = toMicroDollars(shadow.cost_usd);
  return {
    worker: shadow.worker,
    cost,
    most: shadow.max_cost_usd === null ? cost : toMicroDollars(shadow.max_cost_usd),
  };
};
