import { adviceTokens, type Plan, type Step, type Workflow } from "./plan.ts";

/**
 * How Ultra works on a task with tools. One worker acts: it alone has the tools, since a tool call is an action. Another
 * plans in words before the task's first turn, and reads the answer when the acting worker has stopped calling tools:
 * what it finds wrong, the acting worker puts right.
 */
export type Team = {
  /** Null when the task is under way. */
  readonly plan: Step | null;
  readonly act: Step;
  readonly verify: Step;
  /** Runs only if the verifier objects. */
  readonly revise: Step;
};

const planTask =
  "Plan how to carry out the request above for the one who will do it and has the tools that it takes. You have none. " +
  "Say what to find out first, the steps in order, what is easily overlooked, and how to tell that it is done. Be brief.";

/** The first word decides: see `readVerdict`. */
const verifyTask =
  "Check the result: does it answer the request above, does it rest on the record of what was done, is anything wrong, " +
  "invented or missing? If it may go out as it is, reply ACCEPT and nothing else. If not, reply REVISE: and in at most " +
  "150 words what is wrong and how to put it right. Object only to what matters.";

const reviseTask =
  "Result 1 is your own answer, result 2 what a reviewer found in it. Write the final answer to the request above anew, " +
  "correct where the reviewer is right. You cannot call tools now: where something is left undone, say so. Do not " +
  "mention the review.";

type Members = {
  readonly actor: string;
  /** Plans and verifies. */
  readonly partner: string;
  /** Whether the task begins with this turn. */
  readonly begins: boolean;
};

/** A team's plan: think ▸ act ▸ verify ▸ revise. The steps' ids are the phases that traces name. */
export const teamPlan = ({ actor, partner, begins }: Members): Workflow => {
  const think: Step = {
    id: "plan",
    worker: partner,
    role: "think",
    subtask: planTask,
    access: "none",
    maxOutputTokens: adviceTokens,
  };
  return {
    kind: "workflow",
    steps: [
      ...(begins ? [think] : []),
      { id: "act", worker: actor, role: "act", subtask: null, access: begins ? [think.id] : "none" },
      {
        id: "verify",
        worker: partner,
        role: "verify",
        subtask: verifyTask,
        access: ["act"],
        maxOutputTokens: adviceTokens,
      },
      { id: "revise", worker: actor, role: "revise", subtask: reviseTask, access: ["act", "verify"] },
    ],
  };
};

/** The team that a plan is; null for any other plan. */
export const teamOf = (plan: Plan): Team | null => {
  if (plan.kind !== "workflow") return null;
  const find = (role: Step["role"]) => plan.steps.find((step) => step.role === role);
  const [act, verify, revise] = [find("act"), find("verify"), find("revise")];
  return act && verify && revise ? { plan: find("think") ?? null, act, verify, revise } : null;
};

/** The part of a plan that surely runs; all of it where it is no team's. */
export const withoutReview = (plan: Plan): Plan => {
  const team = teamOf(plan);
  return team ? { kind: "workflow", steps: [...(team.plan ? [team.plan] : []), team.act] } : plan;
};

/** A verifier's objection in its own words; null when it has none, or none that can be read. */
export const readVerdict = (text: string): string | null => {
  const objection = /^[\s*#`"]*REVISE\b[\s*:.-]*([^\s*:.-][\s\S]*)$/.exec(text)?.[1]?.trim();
  return objection ? objection.slice(0, maxObjection) : null;
};

/** Characters: far above the 150 words that are asked for. */
const maxObjection = 4_000;
