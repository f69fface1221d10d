import * as z from "zod";
import { directPlan, isDirect, judgeTask, maxSteps, parsePlan, type Step, type Workflow } from "../plan.ts";
import { err, ok, type Result } from "../result.ts";

/** The parts that a planner may give. */
export const writtenRoles = ["think", "answer", "verify", "judge"] as const;
type WrittenRole = (typeof writtenRoles)[number];

const writtenStepSchema = z.object({
  role: z.enum(writtenRoles),
  /** Ordinal of the worker as the prompt lists them, from 0. */
  worker: z.int(),
  /** Numbers of earlier steps, from 1; 0 is the answer that may be revised. */
  access: z.array(z.int()),
  /** Null: the request as the user put it, by one who sees no other's work. */
  subtask: z.string().nullable(),
});

/** A workflow as a language model writes it: workers by ordinal, steps by position. */
export const writtenPlanSchema = z.object({ steps: z.array(writtenStepSchema) });
export type WrittenPlan = z.infer<typeof writtenPlanSchema>;
type WrittenStep = WrittenPlan["steps"][number];

/**
 * The same as JSON Schema, in the keywords that every vendor's structured output takes: bounds are not among them, and
 * are checked by `readWrittenPlan`.
 */
export const writtenPlanJsonSchema = (): Readonly<Record<string, unknown>> => {
  const { $schema: _, ...schema } = z.toJSONSchema(writtenPlanSchema, {
    override: ({ jsonSchema }) => {
      delete jsonSchema.minimum;
      delete jsonSchema.maximum;
    },
  });
  return schema;
};

/** `repairs`: what was wrong and how it was put right. `unused`: steps left out, since the answer did not rest on them. */
export type ReadPlan = { readonly workflow: Workflow; readonly repairs: readonly string[]; readonly unused: number };

/** The same of one more round: no workflow where the answer is to stay as it is. */
export type ReadRevision = Omit<ReadPlan, "workflow"> & { readonly workflow: Workflow | null };

const maxSubtask = 2_000;

/**
 * Reads what a planner wrote, ordinals mapped back to the workers as the prompt listed them. What cannot be meant
 * otherwise is put right; what could mean anything (no JSON, a worker that is not there, no step, more than five) is
 * refused. The error and the repairs say why, without a word of the plan.
 */
export const readWrittenPlan = (text: string, workers: readonly string[]): Result<ReadPlan, string> => {
  const parsed = parseWritten(text);
  if (!parsed.ok) return parsed;
  if (parsed.value.steps.length === 0) return err("the plan has no step");
  const read = readSteps(parsed.value, { workers, idOf: (number) => `step_${number}`, least: 1, given: [] });
  return read.ok ? ok({ ...read.value, workflow: alone(read.value.workflow) }) : read;
};

/**
 * The same of a workflow that may revise an answer: its steps may see that as the work of step 0, and without any step
 * the answer stays as it is. `answered`: the step whose answer it is.
 */
export const readRevision = (
  text: string,
  workers: readonly string[],
  answered: Pick<Step, "id">,
): Result<ReadRevision, string> => {
  const parsed = parseWritten(text);
  if (!parsed.ok) return parsed;
  const { steps, repairs } = parsed.value;
  if (steps.length === 0) return ok({ workflow: null, repairs, unused: 0 });
  const idOf = (number: number) => (number === 0 ? answered.id : `revision_${number}`);
  return readSteps(parsed.value, { workers, idOf, least: 0, given: [answered.id] });
};

type Parsed = { readonly steps: readonly WrittenStep[]; readonly repairs: readonly string[] };

const parseWritten = (text: string): Result<Parsed, string> => {
  const bare = withoutFence(text);
  const parsed = writtenPlanSchema.safeParse(parseJson(bare));
  if (!parsed.success) return err("the plan is not JSON of the form that was asked for");
  const repairs = bare === text.trim() ? [] : ["the plan stood in a code block"];
  return ok({ steps: parsed.data.steps, repairs });
};

/** `least`: the smallest number that a step may see. `given`: results that are there before any step. */
type Numbering = {
  readonly workers: readonly string[];
  readonly idOf: (number: number) => string;
  readonly least: number;
  readonly given: readonly string[];
};

const readSteps = (
  { steps, repairs }: Parsed,
  { workers, idOf, least, given }: Numbering,
): Result<ReadPlan, string> => {
  if (steps.length > maxSteps) return err(`the plan has ${steps.length} steps, and at most ${maxSteps} are run`);
  const stranger = steps.findIndex(({ worker }) => workers[worker] === undefined);
  if (stranger >= 0) return err(`step ${stranger + 1} names a worker that is not in the pool`);

  const repaired = steps.map((step, at) => repair(step, { number: at + 1, least, isLast: at === steps.length - 1 }));
  const plan: Workflow = {
    kind: "workflow",
    steps: repaired.map(({ step }, at) => toStep(step, { id: idOf(at + 1), worker: workers[step.worker] ?? "", idOf })),
  };
  const checked = parsePlan(plan, new Set(workers), given);
  if (!checked.ok) return checked;
  const workflow = checked.value.kind === "workflow" ? checked.value : plan;
  return ok({
    workflow,
    repairs: [...repairs, ...repaired.flatMap((step) => step.repairs)],
    unused: steps.length - workflow.steps.length,
  });
};

/** One step is a call in the user's own words: nothing is added to a prompt that one worker answers. */
const alone = (workflow: Workflow): Workflow =>
  isDirect(workflow) ? directPlan(workflow.steps[0]?.worker ?? "") : workflow;

const toStep = (
  { role, access, subtask }: WrittenStep,
  { id, worker, idOf }: Pick<Step, "id" | "worker"> & Pick<Numbering, "idOf">,
): Step => ({ id, worker, role, subtask, access: access.length === 0 ? "none" : access.map(idOf) });

type Place = { readonly number: number; readonly isLast: boolean } & Pick<Numbering, "least">;
type Repaired = { readonly step: WrittenStep; readonly repairs: readonly string[] };

const repair = (step: WrittenStep, place: Place): Repaired =>
  [repairAccess, repairRole, repairSubtask].reduce<Repaired>(
    ({ step: sofar, repairs }, put) => {
      const { step: next, repairs: more } = put(sofar, place);
      return { step: next, repairs: [...repairs, ...more] };
    },
    { step, repairs: [] },
  );

/** Steps run in the order of their numbers, so that no circle can be meant. */
const repairAccess = (step: WrittenStep, { number, least }: Place): Repaired => {
  const seen = [...new Set(step.access)];
  const earlier = seen.filter((other) => other >= least && other < number);
  const strange = seen.filter((other) => !earlier.includes(other));
  return {
    step: { ...step, access: earlier },
    repairs: strange.map((other) => `step ${number} may not see ${nameOf(other)}, which is no earlier one`),
  };
};

/** No number of the planner's own choosing. */
const nameOf = (number: number): string => (Math.abs(number) <= maxSteps ? `step ${number}` : "another");

const repairRole = (step: WrittenStep, { number, isLast }: Place): Repaired => {
  const blind = (step.role === "verify" || step.role === "judge") && step.access.length === 0;
  if (blind) return asAnswer(step, `step ${number} sees nothing to ${step.role}, and answers`);
  return isLast && step.role === "think"
    ? asAnswer(step, `step ${number} is the last, and writes the answer`)
    : { step, repairs: [] };
};

const asAnswer = (step: WrittenStep, repaired: string): Repaired => ({
  step: { ...step, role: "answer" },
  repairs: [repaired],
});

const ownTasks: Readonly<Record<WrittenRole, string>> = {
  answer: judgeTask,
  think: "Work out what the one who answers the request above has to know, and how to go about it. Be brief.",
  verify:
    "Check the results against the request above: say what is wrong, missing or invented, and how to put it right.",
  judge: judgeTask,
};

const repairSubtask = (step: WrittenStep, { number }: Place): Repaired => {
  const subtask = step.subtask?.trim() ?? "";
  if (subtask.length > maxSubtask) {
    return {
      step: { ...step, subtask: subtask.slice(0, maxSubtask) },
      repairs: [`the subtask of step ${number} is cut to ${maxSubtask} characters`],
    };
  }
  if (subtask !== "") return { step: { ...step, subtask }, repairs: [] };
  if (step.role === "answer" && step.access.length === 0) return { step: { ...step, subtask: null }, repairs: [] };
  return {
    step: { ...step, subtask: ownTasks[step.role] },
    repairs: [`step ${number} has no subtask, and gets that of its role`],
  };
};

/** Some models wrap whatever they write. */
const withoutFence = (text: string): string => {
  const trimmed = text.trim();
  return /^```(?:json)?\s*\n([\s\S]*?)\n?```$/.exec(trimmed)?.[1]?.trim() ?? trimmed;
};

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
