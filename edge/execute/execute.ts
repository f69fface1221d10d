import { readAnswer } from "../../shared/answers.ts";
import { tally, type Vote } from "../../shared/ballot.ts";
import type { ShoalError } from "../../shared/errors.ts";
import type { AnswerEvent } from "../../shared/events.ts";
import {
  answerStep,
  judgeTask,
  needsOf,
  type BallotPlan,
  type Plan,
  type Step,
  type Workflow,
} from "../../shared/plan.ts";
import { teamOf } from "../../shared/team.ts";
import { answer, endOf, type Events, type ExecuteDeps } from "./answer.ts";
import { composeStep } from "./compose-step.ts";
import { collectStep, isUsable, toVisible } from "./inner-step.ts";
import { createQueue } from "./queue.ts";
import type { StepRun } from "./run-step.ts";
import { runTeam } from "./team.ts";

export type { Events, ExecuteDeps };

/**
 * Runs a plan and gives the answer's events as they come, with those of inner steps among them. The last event is `end`
 * or `error`. Upstream trouble is data; nothing is thrown for it.
 */
export const execute = (plan: Plan, deps: ExecuteDeps): Events => {
  if (plan.kind === "ballot") return runBallot(plan, deps);
  const team = teamOf(plan);
  return team ? runTeam(team, deps) : runWorkflow(plan, deps);
};

/** Steps start the moment all they may see is complete; the last one streams. */
async function* runWorkflow(plan: Workflow, deps: ExecuteDeps): Events {
  const last = plan.steps.at(-1);
  if (!last) return;
  const queue = createQueue<readonly AnswerEvent[]>();
  const started = new Map<string, Promise<StepRun | null>>();
  const waitFor = (ids: readonly string[]) => Promise.all(ids.flatMap((id) => started.get(id) ?? []));
  for (const step of plan.steps.slice(0, -1)) {
    started.set(step.id, runInner(step, waitFor(needsOf(step, plan.steps)), deps, queue.push));
  }
  const seen = needsOf(last, plan.steps);
  const results = waitFor(seen);
  yield* queue.until(results);
  const usable = (await results).filter(isUsable);

  if (seen.length > 0 && usable.length === 0) return yield* answer(ownWords(last), deps.chat, deps);
  const [only] = usable;
  if (only && usable.length === 1 && needsNoJudge(last, only, seen.length)) return yield [...only.events, endOf(only)];
  yield* answer(last, composeStep(deps.chat, last, usable.map(toVisible), deps.newBoundary()), deps);
}

/** Of several answers to the user's own words one is left: there is nothing to weigh it against. */
const needsNoJudge = (last: Step, only: StepRun, asked: number): boolean =>
  last.role === "judge" && asked > 1 && only.step.role === "answer" && only.step.subtask === null;

/** When nothing came of the steps before, the answering worker gets the request as the user put it. */
const ownWords = (step: Step): Step => ({ ...step, subtask: null, access: "none" });

const runInner = async (
  step: Step,
  needed: Promise<readonly (StepRun | null)[]>,
  deps: ExecuteDeps,
  emit: (events: readonly AnswerEvent[]) => void,
): Promise<StepRun | null> => {
  const needs = await needed;
  const usable = needs.filter(isUsable);
  if (needs.length > 0 && usable.length === 0) {
    emit([{ type: "step-end", step: step.id, worker: step.worker, outcome: "skipped" }]);
    return null;
  }
  const chat = composeStep(deps.chat, step, usable.map(toVisible), deps.newBoundary());
  return collectStep(step, chat, deps, emit);
};

/** Asks in waves until the ballot is decided, then sends the words of the best worker that agrees with the result. */
async function* runBallot({ ballot }: BallotPlan, deps: ExecuteDeps): Events {
  const queue = createQueue<readonly AnswerEvent[]>();
  const stragglers = new AbortController();
  const runs = new Map<string, StepRun>();
  const running = new Map<string, Promise<void>>();
  const votes: Vote[] = [];

  const vote = async (worker: string, id: string): Promise<void> => {
    let answered: string | null = null;
    try {
      const step = { ...answerStep(worker), id };
      const run = await collectStep(step, deps.chat, deps, queue.push, stragglers.signal);
      runs.set(worker, run);
      answered = isUsable(run) ? readAnswer(ballot.extractor, toVisible(run).text) : null;
    } finally {
      // Whatever happened, the ballot must not wait for this worker.
      votes.push({ worker, answer: answered });
      queue.wake();
    }
  };
  const ask = (worker: string): void => {
    const voted = vote(worker, `vote${running.size + 1}`);
    voted.catch(() => undefined);
    running.set(worker, voted);
  };

  let verdict = tally(ballot, votes);
  while (!verdict.decided && !deps.signal.aborted) {
    for (const worker of verdict.ask) if (!running.has(worker)) ask(worker);
    const counted = votes.length;
    yield* queue.while(() => votes.length === counted);
    verdict = tally(ballot, votes);
  }
  stragglers.abort();
  const ended = Promise.all(running.values());
  yield* queue.until(ended);
  await ended;

  const winner = verdict.decided && verdict.winner ? runs.get(verdict.winner.worker) : undefined;
  if (winner) return yield [...winner.events, endOf(winner)];
  yield* answerUndecided(ballot, [...runs.values()].filter(isUsable), deps);
}

/** Every worker of the ballot failed, and the plan names none to answer in their place. */
const noVote: ShoalError = { kind: "no_worker", message: "no worker could answer", retryAfterSeconds: 1 };

async function* answerUndecided(ballot: BallotPlan["ballot"], usable: readonly StepRun[], deps: ExecuteDeps): Events {
  const best = ballot.order.map((voter) => usable.find((run) => run.step.worker === voter.worker)).find(Boolean);
  if (best && (ballot.judge === null || usable.length === 1)) return yield [...best.events, endOf(best)];
  const { judge } = ballot;
  if (judge === null) return yield [{ type: "error", error: noVote }];
  if (usable.length === 0) return yield* answer(answerStep(judge), deps.chat, deps);
  const step: Step = { id: "judge", worker: judge, role: "judge", subtask: judgeTask, access: "all" };
  yield* answer(step, composeStep(deps.chat, step, usable.map(toVisible), deps.newBoundary()), deps);
}
