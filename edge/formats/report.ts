import type { AnswerEvent, StepOutcome } from "../../shared/events.ts";
import { workersOf, type Plan } from "../../shared/plan.ts";
import { toDollars } from "../../shared/pricing.ts";
import { afterWriting } from "../../shared/planner/outcome.ts";

/** Who was to work on a request, and by whose decision. */
export type PlanReport = {
  readonly source: string;
  readonly fallback: string | null;
  readonly reason: string;
  readonly kind: Plan["kind"];
  readonly workers: readonly string[];
  /** Of one more round, where a planner was asked for it: who revised, nobody where the answer stayed as it was. */
  readonly revised_by?: readonly string[];
};

type Step = {
  readonly step: string;
  readonly worker: string;
  readonly role: string;
  outcome: StepOutcome | null;
  input_tokens: number;
  output_tokens: number;
  /** Dollars; null when the worker's price is unknown. */
  cost: number | null;
};

/** How an answer came about, for clients that ask: the plan, and what each call came to. */
export type Report = { readonly plan: PlanReport; readonly steps: readonly Readonly<Step>[] };

/** Reads the events of an answer and gives the report at its end. */
export const createReport = (planned: PlanReport) => {
  let plan = planned;
  const steps: Step[] = [];
  const find = (event: { readonly step: string; readonly worker: string }) =>
    steps.findLast(({ step, worker }) => step === event.step && worker === event.worker);
  return {
    read(event: AnswerEvent): void {
      if (event.type === "written") plan = withWritten(plan, event);
      if (event.type === "step-start") {
        const { step, worker, role } = event;
        steps.push({ step, worker, role, outcome: null, input_tokens: 0, output_tokens: 0, cost: 0 });
      }
      if (event.type === "step-end" && event.skipped) {
        const { step, worker, outcome, skipped } = event;
        steps.push({ step, worker, role: skipped.role, outcome, input_tokens: 0, output_tokens: 0, cost: 0 });
      } else if (event.type === "step-end") Object.assign(find(event) ?? {}, { outcome: event.outcome });
      if (event.type === "usage") {
        const { inputTokens: input_tokens, outputTokens: output_tokens } = event.usage;
        const cost = event.cost === null ? null : toDollars(event.cost);
        Object.assign(find(event) ?? {}, { input_tokens, output_tokens, cost });
      }
    },
    written: (): Report => ({ plan, steps }),
  };
};

const withWritten = (before: PlanReport, event: Extract<AnswerEvent, { type: "written" }>): PlanReport => {
  const { round, plan } = event;
  const after = { ...before, ...afterWriting(before, event) };
  if (round === 2) return { ...after, revised_by: plan ? workersOf(plan) : [] };
  return plan ? { ...after, kind: plan.kind, workers: workersOf(plan) } : after;
};
