import { readAnswer } from "../../shared/answers.ts";
import { tally, type Vote } from "../../shared/ballot.ts";
import type { ShoalError } from "../../shared/errors.ts";
import type { AnswerEvent } from "../../shared/events.ts";
import { answerStep, judgeTask, type BallotPlan, type Step } from "../../shared/plan.ts";
import { answer, conclude, endOf, type Events, type ExecuteDeps } from "./answer.ts";
import { composeStep } from "./compose-step.ts";
import { collectStep, isUsable, toVisible } from "./inner-step.ts";
import { placeStep } from "./place-step.ts";
import { createQueue } from "./queue.ts";
import type { StepRun } from "./run-step.ts";
import { shuffle } from "./shuffle.ts";

/** Asks in waves until the ballot is decided, then sends the words of the best worker that agrees with the result. */
export async function* runBallot({ ballot }: BallotPlan, deps: ExecuteDeps): Events {
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
  const visible = shuffle(usable, deps.random).map(toVisible);
  const placed = await placeStep(step, composeStep(deps.chat, step, visible, deps.newBoundary(), true), deps);
  yield* placed
    ? conclude(placed, best ?? null, deps)
    : best
      ? [[...best.events, endOf(best)]]
      : answer(answerStep(judge), deps.chat, deps);
}
