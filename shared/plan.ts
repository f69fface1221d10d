import * as z from "zod";
import { ballotSchema } from "./ballot.ts";
import { err, ok, type Result } from "./result.ts";

/** Conductor's workflows have at most five steps (arXiv 2512.04388, section 3). */
export const maxSteps = 5;

/** Output tokens of a step that thinks or verifies, reasoning included, where its plan says nothing of it. */
export const adviceTokens = 8_192;

/** `act` and `revise` are of a team: see `team.ts`. */
export const stepRoles = ["answer", "think", "verify", "judge", "act", "revise"] as const;

const stepId = z.string().regex(/^[a-z0-9_]{1,16}$/);

export const stepSchema = z.strictObject({
  id: stepId,
  worker: z.string().min(1).max(128),
  role: z.enum(stepRoles),
  /** Null: the user's own words, nothing added. */
  subtask: z.string().min(1).max(2000).nullable(),
  /** Which earlier steps' results the step may see. */
  access: z.union([z.literal("none"), z.literal("all"), z.array(stepId).max(maxSteps)]),
  /** Output tokens that the step may use, reasoning included, where that is less than the request's cap. */
  maxOutputTokens: z.number().int().min(1).optional(),
});
export type Step = z.infer<typeof stepSchema>;

/**
 * What the conductor returns: a workflow whose last step writes the answer, or a ballot with the worker that judges
 * when it stays undecided.
 */
export const planSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("workflow"), steps: z.array(stepSchema).min(1).max(maxSteps) }),
  z.strictObject({ kind: z.literal("ballot"), ballot: ballotSchema }),
]);
export type Plan = z.infer<typeof planSchema>;
export type Workflow = Extract<Plan, { kind: "workflow" }>;
export type BallotPlan = Extract<Plan, { kind: "ballot" }>;

/** A call in the user's own words. */
export const answerStep = (worker: string): Step => ({
  id: "answer",
  worker,
  role: "answer",
  subtask: null,
  access: "none",
});

/** The subtask of a step that writes the answer from those of others. */
export const judgeTask =
  "Write the final answer to the request above. Weigh the results: check each against the request and against one " +
  "another, keep what is right, correct what is wrong. Answer the request itself, without mentioning the results.";

/** A plan of one call in the user's own words. */
export const directPlan = (worker: string): Workflow => ({ kind: "workflow", steps: [answerStep(worker)] });

/** Whether the plan is a single call. */
export const isDirect = (plan: Plan): boolean => plan.kind === "workflow" && plan.steps.length === 1;

/** Ids of the steps that `step` waits for; `all` means those listed before it. */
export const needsOf = (step: Step, steps: readonly Step[]): readonly string[] => {
  if (step.access === "none") return [];
  if (step.access === "all") return steps.slice(0, steps.indexOf(step)).map((earlier) => earlier.id);
  return step.access;
};

/**
 * Reads a plan that may come from anywhere: shape, caps, known workers, unique ids, known and acyclic access. Steps
 * come back in topological order with the answering step last, those that advise with a cap; a step that the answer does
 * not rest on would cost and change nothing, and is left out. `given`: ids of results that are there already, which no
 * step may have. The error says what is wrong in words.
 */
export const parsePlan = (
  input: unknown,
  pool: ReadonlySet<string>,
  given: readonly string[] = [],
): Result<Plan, string> => {
  const parsed = planSchema.safeParse(input);
  if (!parsed.success) return err(z.prettifyError(parsed.error));
  const plan = parsed.data;
  const stranger = workersOf(plan).find((worker) => !pool.has(worker));
  if (stranger !== undefined) return err(`worker ${stranger} is not in the pool`);
  return plan.kind === "ballot" ? checkBallot(plan) : orderSteps(plan, given);
};

/** The worker that is to write the answer: of a ballot the first that is asked. */
export const answererOf = (plan: Plan): string =>
  (plan.kind === "workflow" ? plan.steps.at(-1) : plan.ballot.order[0])?.worker ?? "";

/** Every worker that a plan may call. */
export const workersOf = (plan: Plan): readonly string[] =>
  plan.kind === "workflow"
    ? plan.steps.map((step) => step.worker)
    : [...plan.ballot.order.map((voter) => voter.worker), ...(plan.ballot.judge === null ? [] : [plan.ballot.judge])];

const checkBallot = (plan: BallotPlan): Result<Plan, string> => {
  const voters = plan.ballot.order.map((voter) => voter.worker);
  return new Set(voters).size === voters.length ? ok(plan) : err("a worker votes twice");
};

const orderSteps = ({ steps }: Workflow, given: readonly string[]): Result<Plan, string> => {
  const ids = new Set([...given, ...steps.map((step) => step.id)]);
  if (ids.size < given.length + steps.length) return err("two steps have the same id");
  const needs = new Map(steps.map((step) => [step.id, [...new Set(needsOf(step, steps))]]));
  for (const [id, wanted] of needs) {
    const unknown = wanted.find((need) => !ids.has(need));
    if (unknown !== undefined) return err(`step ${id} may see ${unknown}, which does not exist`);
  }
  const last = steps.at(-1);
  if (last && steps.some((step) => needs.get(step.id)?.includes(last.id))) {
    return err(`the last step, ${last.id}, writes the answer and cannot be seen by another`);
  }

  const ordered: Step[] = [];
  const placed = new Set(given);
  while (ordered.length < steps.length) {
    const ready = steps.filter((step) => !placed.has(step.id) && needs.get(step.id)?.every((need) => placed.has(need)));
    const next = ready.find((step) => step !== last) ?? ready[0];
    if (!next) return err("steps wait for one another in a circle");
    placed.add(next.id);
    ordered.push(capAdvice(pinAccess(next, needs.get(next.id) ?? []), next === last));
  }
  const used = restsOn(last, needs);
  return ok({ kind: "workflow", steps: ordered.filter((step) => used.has(step.id)) });
};

/** The step itself, the steps that it may see, those that they may see, and so on. */
export const restsOn = (step: Step | undefined, needs: ReadonlyMap<string, readonly string[]>): ReadonlySet<string> => {
  const used = new Set(step ? [step.id] : []);
  // A set gives what is added to it while it is read.
  for (const id of used) for (const need of needs.get(id) ?? []) used.add(need);
  return used;
};

/** Reordering may change who stands before whom, so what a step may see is written out. */
const pinAccess = (step: Step, needs: readonly string[]): Step =>
  step.access === "none" ? step : { ...step, access: [...needs] };

/** What advises others is no answer, and is not reserved for as one. */
const capAdvice = (step: Step, isLast: boolean): Step =>
  !isLast && (step.role === "think" || step.role === "verify") ? { maxOutputTokens: adviceTokens, ...step } : step;
