import type { Score } from "./decision.ts";
import { needsOf, restsOn, type BallotPlan, type Plan, type Step, type Workflow } from "./plan.ts";
import type { Price } from "./pricing.ts";
import { withoutReview } from "./team.ts";

/** What is foreseen of a call to a worker in the user's own words, and its price. */
export type Figures = Pick<Score, "costDollars" | "latencyMs"> & { readonly price: Price | null };

/** A step as it is expected to run. Milliseconds since the first call; null where a worker's speed or price is unknown. */
export type ForecastStep = {
  readonly id: string;
  readonly worker: string;
  readonly role: Step["role"];
  readonly waitsFor: readonly string[];
  readonly beginsMs: number | null;
  readonly endsMs: number | null;
  readonly dollars: number | null;
};

/** What a plan is expected to cost and take. `least`: should it end with the fewest calls that it can; `most`: with all. */
export type Forecast = {
  readonly steps: readonly ForecastStep[];
  readonly dollars: { readonly least: number | null; readonly most: number | null };
  /** Along the critical path: the longest chain of calls of which each waits for the one before. */
  readonly ms: { readonly least: number | null; readonly most: number | null };
};

export type ForecastInput = {
  readonly figuresOf: (worker: string) => Figures;
  /** Of the request itself. */
  readonly inputTokens: number;
};

/** Foresees a plan by what is expected of each worker alone, and of what later steps read of earlier ones. */
export const forecast = (plan: Plan, input: ForecastInput): Forecast => {
  const workflow = plan.kind === "workflow" ? plan : inWaves(plan);
  // A vote waits for the wave before, and reads nothing of it.
  const reads = (step: Step) => plan.kind === "workflow" || step.role === "judge";
  const steps = foreseeSteps(workflow, reads, input);
  const ends = plan.kind === "workflow" ? earlyEnds(plan) : [firstWave(plan, workflow)];
  const those = (ids: ReadonlySet<string>) => steps.filter(({ id }) => ids.has(id));
  const [dollars, ms] = [dollarsOf(steps), endOf(steps)];
  return {
    steps,
    dollars: { least: smallest([dollars, ...ends.map((end) => dollarsOf(those(end.called)))]), most: dollars },
    ms: { least: smallest([ms, ...ends.map((end) => endOf(those(end.with)))]), most: ms },
  };
};

const foreseeSteps = (
  workflow: Workflow,
  reads: (step: Step) => boolean,
  input: ForecastInput,
): readonly ForecastStep[] => {
  const foreseen = new Map<string, ForecastStep>();
  for (const step of workflow.steps) {
    const waitsFor = needsOf(step, workflow.steps);
    const { latencyMs } = input.figuresOf(step.worker);
    const beginsMs = latest(waitsFor.map((id) => foreseen.get(id)?.endsMs ?? null));
    foreseen.set(step.id, {
      id: step.id,
      worker: step.worker,
      role: step.role,
      waitsFor,
      beginsMs,
      endsMs: beginsMs === null || latencyMs === null ? null : beginsMs + latencyMs,
      dollars: dollarsOfStep(step, reads(step) ? workflow.steps.filter(({ id }) => waitsFor.includes(id)) : [], input),
    });
  }
  return [...foreseen.values()];
};

const dollarsOfStep = (step: Step, seen: readonly Step[], input: ForecastInput): number | null => {
  const { costDollars, price } = input.figuresOf(step.worker);
  if (costDollars === null || price === null) return costDollars;
  const own = outputTokens(step, input);
  const read = seen.reduce((sum, other) => sum + outputTokens(other, input), 0);
  return ((input.inputTokens + read) * price.input + own * price.output) / 1_000_000;
};

/** What a call's dollars leave for its output, up to the step's cap. */
const outputTokens = ({ worker, maxOutputTokens }: Step, { figuresOf, inputTokens }: ForecastInput): number => {
  const { costDollars, price } = figuresOf(worker);
  if (costDollars === null || price === null || price.output === 0) return 0;
  const tokens = (costDollars * 1_000_000 - inputTokens * price.input) / price.output;
  return Math.min(maxOutputTokens ?? Infinity, Math.max(0, tokens));
};

/** A ballot as steps: each wave waits for the one before, and the judge for all. */
const inWaves = ({ ballot: { order, wave, judge } }: BallotPlan): Workflow => {
  const voters = order.map(({ worker }, at): Step => ({
    id: `vote${at + 1}`,
    worker,
    role: "answer",
    subtask: null,
    access: "none",
  }));
  const waves = voters.map((voter, at): Step => {
    const before = Math.floor(at / wave) * wave;
    return before === 0 ? voter : { ...voter, access: voters.slice(before - wave, before).map(({ id }) => id) };
  });
  const judges: readonly Step[] =
    judge === null ? [] : [{ id: "judge", worker: judge, role: "judge", subtask: null, access: "all" }];
  return { kind: "workflow", steps: [...waves, ...judges] };
};

/** A way in which a plan may end early: the steps that are called by then, and those whose end is the end. */
type EarlyEnd = { readonly called: ReadonlySet<string>; readonly with: ReadonlySet<string> };

const firstWave = ({ ballot: { wave } }: BallotPlan, { steps }: Workflow): EarlyEnd => {
  const asked = new Set(steps.slice(0, wave).map(({ id }) => id));
  return { called: asked, with: asked };
};

/** A team may do without a review; a workflow ends when a verifier accepts, and what waits for nobody was called by then. */
const earlyEnds = (plan: Workflow): readonly EarlyEnd[] => {
  const sure = withoutReview(plan);
  if (sure.kind === "workflow" && sure.steps.length < plan.steps.length) {
    const called = new Set(sure.steps.map(({ id }) => id));
    return [{ called, with: called }];
  }
  const needs = new Map(plan.steps.map((step) => [step.id, needsOf(step, plan.steps)]));
  const atOnce = plan.steps.filter(({ id }) => needs.get(id)?.length === 0).map(({ id }) => id);
  return plan.steps
    .slice(0, -1)
    .filter((step) => mayAccept(step, plan.steps))
    .map((step) => ({ called: new Set([...atOnce, ...restsOn(step, needs)]), with: new Set([step.id]) }));
};

const mayAccept = (step: Step, steps: readonly Step[]): boolean =>
  step.role === "verify" &&
  steps.some(({ id, role }) => (role === "answer" || role === "judge") && needsOf(step, steps).includes(id));

const dollarsOf = (steps: readonly ForecastStep[]): number | null =>
  steps.reduce<number | null>((sum, { dollars }) => (sum === null || dollars === null ? null : sum + dollars), 0);

const endOf = (steps: readonly ForecastStep[]): number | null => latest(steps.map(({ endsMs }) => endsMs));

const latest = (times: readonly (number | null)[]): number | null =>
  times.reduce<number | null>((last, time) => (last === null || time === null ? null : Math.max(last, time)), 0);

const smallest = (values: readonly (number | null)[]): number | null =>
  values.reduce((least, value) => (least === null || value === null ? null : Math.min(least, value)));
