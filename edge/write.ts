import type { ChatRequest } from "../shared/chat.ts";
import type { AnswerEvent } from "../shared/events.ts";
import { drawWorkers } from "../shared/planner/prompt.ts";
import { plannerTask } from "../shared/planner/task.ts";
import { callPlanner } from "./execute/call-planner.ts";
import type { Events, ExecuteDeps } from "./execute/execute.ts";
import { runRounds } from "./execute/rounds.ts";
import { createRunStep } from "./execute/run-step.ts";
import { createAskConductor } from "./plan/ask-conductor.ts";
import { plannerSteps, type Planned } from "./plan/planned.ts";
import { writeRevision, writeWorkflow, type AskPlanner, type Planner } from "./plan/write-workflow.ts";
import { findPlanner, plannerRequest } from "./pool/find-planner.ts";
import { outputCapOf, type Reservation } from "./reserve.ts";
import type { PlannerSetting } from "./runtime/settings.ts";
import type { Received, TenantContext } from "./receive.ts";

type RoundsInput = {
  readonly planned: Planned;
  readonly setting: PlannerSetting;
  readonly reservation: Reservation;
};

/**
 * Has the operator's planner write the workflow and runs it; where another round may follow, has it write the one that
 * revises the answer.
 */
export const writeAndRun = (
  { planned, setting, reservation }: RoundsInput,
  deps: ExecuteDeps,
  received: Received,
  context: TenantContext,
): Events => {
  const tally = createTally();
  const { worker, ms } = setting;
  const ask =
    worker === null
      ? createAskConductor(ms, context)
      : createAskWorker(worker, { ...received, extendTo: reservation.extendTo }, context);
  const planner = createPlanner(
    { planned, setting, chat: received.chat },
    { ask, cover: (plan, given) => reservation.cover(plan, { given, ...tally.read() }) },
    context,
  );
  return tally.count(
    runRounds(async function* () {
      const { plan, text } = yield* writeWorkflow(planned.decision.plan, planner);
      const mayRevise = text !== null && received.rounds > 1;
      return { plan, revise: mayRevise ? (answered) => writeRevision({ plan: text, ...answered }, planner) : null };
    }, deps),
  );
};

/** What the request's calls have come to so far, in micro-dollars, read as they are told of. */
const createTally = () => {
  let [spent, calls] = [0, 0];
  const note = (event: AnswerEvent): void => {
    if (event.type === "usage") spent += event.cost ?? 0;
    if (event.type === "step-start") calls += 1;
  };
  return {
    read: () => ({ spent, calls }),
    async *count(events: Events): Events {
      for await (const batch of events) {
        batch.forEach(note);
        yield batch;
      }
    },
  };
};

type PlannerInput = Omit<RoundsInput, "reservation"> & { readonly chat: ChatRequest };

/** Who writes, and what is read: the same workers in the same order in every round. */
export const createPlanner = (
  { planned, setting, chat }: PlannerInput,
  seams: Pick<Planner, "ask" | "cover">,
  { clock, random, signal }: Pick<TenantContext, "clock" | "random" | "signal">,
): Planner => ({
  ...seams,
  by: setting.worker ?? "conductor",
  waitMs: setting.ms,
  task: plannerTask(chat),
  workers: drawWorkers(planned.decision.scores, random),
  clock,
  signal,
});

type WorkerInput = Pick<Received, "chat" | "grant" | "roster" | "signatures"> & Pick<Reservation, "extendTo">;

/** A worker as the planner: a call like any other, paid for by the request. */
const createAskWorker = (id: string, input: WorkerInput, context: TenantContext): AskPlanner =>
  async function* (job, signal) {
    const { chat, grant, roster, signatures, extendTo } = input;
    const asked = plannerRequest(chat, job, context.newId().slice(0, 8));
    const member = findPlanner(id, asked, { roster, key: grant.record }, context);
    if (!member) return { refusal: "not_available", ...noTokens };
    const { card } = member.worker;
    const outputCap = outputCapOf(asked.maxOutputTokens ?? null, grant.record, context.settings);
    if (!(await extendTo(card, asked, outputCap))) return { refusal: "unaffordable", ...noTokens };
    const runStep = createRunStep({ pool: [member], outputCap, signatures }, context);
    const step = { id: plannerSteps[job.first ? 1 : 0], worker: card.id, chat: asked };
    const { text, ...tokens } = yield* callPlanner(step, { runStep, signal });
    return text === null ? { refusal: "failed", ...tokens } : { text, ...tokens };
  };

const noTokens = { inputTokens: 0, outputTokens: 0 } as const;
