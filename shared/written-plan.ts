import * as z from "zod";
import { directPlan, isDirect, judgeTask, maxSteps, parsePlan, type Step, type Workflow } from "./plan.ts";
import { err, ok, type Result } from "./result.ts";

/** The parts that a planner may give. */
export const writtenRoles = ["think", "answer", "verify", "judge"] as const;
type WrittenRole = (typeof writtenRoles)[number];

const writtenStepSchema = z.object({
  role: z.enum(writtenRoles),
  /** Ordinal of the worker as the prompt lists them, from 0. */
  worker: z.int(),
  /** Numbers of earlier steps, from 1. */
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

const maxSubtask = 2_000;

/**
 * Reads what a planner wrote, ordinals mapped back to the workers as the prompt listed them. What cannot be meant
 * otherwise is put right; what could mean anything (no JSON, a worker that is not there, no step, more than five) is
 * refused. The error and the repairs say why, without a word of the plan.
 */
export const readWrittenPlan = (text: string, workers: readonly string[]): Result<ReadPlan, string> => {
  const bare = withoutFence(text);
  const parsed = writtenPlanSchema.safeParse(parseJson(bare));
  if (!parsed.success) return err("the plan is not JSON of the form that was asked for");
  const { steps } = parsed.data;
  if (steps.length === 0) return err("the plan has no step");
  if (steps.length > maxSteps) return err(`the plan has ${steps.length} steps, and at most ${maxSteps} are run`);
  const stranger = steps.findIndex(({ worker }) => workers[worker] === undefined);
  if (stranger >= 0) return err(`step ${stranger + 1} names a worker that is not in the pool`);

  const repaired = steps.map((step, at) => repair(step, { number: at + 1, isLast: at === steps.length - 1 }));
  const plan: Workflow = {
    kind: "workflow",
    steps: repaired.map(({ step }, at) => toStep(step, at + 1, workers[step.worker] ?? "")),
  };
  const checked = parsePlan(plan, new Set(workers));
  if (!checked.ok) return checked;
  const workflow = checked.value.kind === "workflow" ? alone(checked.value) : plan;
  return ok({
    workflow,
    repairs: [
      ...(bare === text.trim() ? [] : ["the plan stood in a code block"]),
      ...repaired.flatMap(({ repairs }) => repairs),
    ],
    unused: steps.length - workflow.steps.length,
  });
};

/** One step is a call in the user's own words: nothing is added to a prompt that one worker answers. */
const alone = (workflow: Workflow): Workflow =>
  isDirect(workflow) ? directPlan(workflow.steps[0]?.worker ?? "") : workflow;

const toStep = ({ role, access, subtask }: WrittenStep, number: number, worker: string): Step => ({
  id: idOf(number),
  worker,
  role,
  subtask,
  access: access.length === 0 ? "none" : access.map(idOf),
});

const idOf = (number: number): string => `step_${number}`;

type Place = { readonly number: number; readonly isLast: boolean };
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
const repairAccess = (step: WrittenStep, { number }: Place): Repaired => {
  const seen = [...new Set(step.access)];
  const earlier = seen.filter((other) => other >= 1 && other < number);
  const strange = seen.filter((other) => !earlier.includes(other));
  return {
    step: { ...step, access: earlier },
    repairs: strange.map((other) => `step ${number} may not see step ${other}, which is no earlier one`),
  };
};

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
