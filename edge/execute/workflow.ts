import type { AnswerEvent, SkipReason } from "../../shared/events.ts";
import { needsOf, type Step, type Workflow } from "../../shared/plan.ts";
import { conclude, endOf, speak, type Events, type ExecuteDeps } from "./answer.ts";
import { capOutput, composeStep, type VisibleResult } from "./compose-step.ts";
import { collectStep, isUsable, isWholeAnswer, toVisible } from "./inner-step.ts";
import { placeStep, type Placed } from "./place-step.ts";
import { createQueue } from "./queue.ts";
import type { StepRun } from "./run-step.ts";
import { shuffle } from "./shuffle.ts";
import { createVerdictGate, readAcceptance } from "./verdict.ts";

/**
 * Steps start the moment all they may see is complete; the last one streams. A verifier that accepts a result ends the
 * run: what has not started is skipped, what runs is canceled, and the result is sent. What fails takes those that see
 * nothing else with it, and the rest answers from what there is. `given`: an answer that steps may see as any earlier
 * one's, and that goes out where they fail.
 */
export async function* runWorkflow(plan: Workflow, deps: ExecuteDeps, given: StepRun | null = null): Events {
  const last = plan.steps.at(-1);
  if (!last) return;
  const queue = createQueue<readonly AnswerEvent[]>();
  const acceptance = createAcceptance();
  const started = new Map<string, Promise<StepRun | null>>(given ? [[given.step.id, Promise.resolve(given)]] : []);
  const seenBy = (step: Step) => Promise.all(needsOf(step, plan.steps).flatMap((id) => started.get(id) ?? []));
  for (const step of plan.steps.slice(0, -1)) {
    started.set(step.id, runInner(step, seenBy(step), { deps, acceptance, emit: queue.push }));
  }
  const inner = Promise.all(started.values());
  yield* queue.until(inner);
  await inner;

  const accepted = acceptance.result();
  if (accepted) return yield [skipped(last, "accepted"), ...accepted.events, endOf(accepted)];
  if (deps.signal.aborted && started.size > 0) return yield [skipped(last, "client_left")];
  yield* finish(last, { needs: await seenBy(last), given }, deps);
}

/** The first result that a verifier lets go out. */
const createAcceptance = () => {
  const rest = new AbortController();
  let result: StepRun | null = null;
  return {
    signal: rest.signal,
    result: () => result,
    accept(run: StepRun): void {
      result ??= run;
      rest.abort();
    },
  };
};

const skipped = ({ id, worker, role }: Step, reason: SkipReason): AnswerEvent => ({
  type: "step-end",
  step: id,
  worker,
  outcome: "skipped",
  skipped: { role, reason },
});

type Inner = {
  readonly deps: ExecuteDeps;
  readonly acceptance: ReturnType<typeof createAcceptance>;
  readonly emit: (events: readonly AnswerEvent[]) => void;
};

const runInner = async (
  step: Step,
  needed: Promise<readonly (StepRun | null)[]>,
  { deps, acceptance, emit }: Inner,
): Promise<StepRun | null> => {
  const needs = await needed;
  const usable = needs.filter(isUsable);
  const skip = (reason: SkipReason): null => {
    emit([skipped(step, reason)]);
    return null;
  };
  if (deps.signal.aborted) return skip("client_left");
  if (acceptance.signal.aborted) return skip("accepted");
  if (needs.length > 0 && usable.length === 0) return skip("nothing_to_see");

  const seen = inOrder(step, usable, deps);
  const visible = seen.map(toVisible);
  const placed = await place(step, visible, deps);
  if (!placed) return skip("too_long");
  const run = await collectStep(placed.step, placed.chat, deps, emit, acceptance.signal);
  const accepted = step.role === "verify" && isUsable(run) ? acceptedOf(toVisible(run).text, seen, visible) : null;
  if (accepted) acceptance.accept(accepted);
  return run;
};

/** A judge sees answers in an order that says nothing of who wrote them. */
const inOrder = (step: Step, seen: readonly StepRun[], { random }: ExecuteDeps): readonly StepRun[] =>
  step.role === "judge" ? shuffle(seen, random) : seen;

/** Only what adds to the request can make it too long: for the request itself the pool was chosen. */
const place = async (step: Step, visible: readonly VisibleResult[], deps: ExecuteDeps): Promise<Placed | null> => {
  const chat = composeStep(deps.chat, step, visible, deps.newBoundary());
  return visible.length === 0 ? { step, chat } : placeStep(step, chat, deps);
};

const acceptedOf = (text: string, seen: readonly StepRun[], visible: readonly VisibleResult[]): StepRun | null => {
  const index = readAcceptance(
    text,
    visible.map(({ acceptable }) => acceptable === true),
  );
  return index === null ? null : (seen[index] ?? null);
};

type Ground = { readonly needs: readonly (StepRun | null)[]; readonly given: StepRun | null };

/** The step that writes the answer, from what there is. */
async function* finish(last: Step, { needs, given }: Ground, deps: ExecuteDeps): Events {
  const usable = needs.filter(isUsable);
  const best = given ?? usable.find(isWholeAnswer) ?? null;
  if (needs.length > 0 && usable.length === 0) {
    if (given) return yield [...given.events, endOf(given)];
    return yield* conclude(ownWords(last, deps), null, deps);
  }
  const [only] = usable;
  if (only && usable.length === 1 && needsNoJudge(last, only, needs.length)) return yield [...only.events, endOf(only)];

  const seen = inOrder(last, usable, deps);
  const isText = deps.chat.output.type === "text";
  const visible = seen.map(toVisible).map((result) => (isText ? result : { ...result, acceptable: false }));
  const chat = composeStep(deps.chat, last, visible, deps.newBoundary(), true);
  const placed = visible.length === 0 ? { step: last, chat } : await placeStep(last, chat, deps);
  if (!placed) {
    yield [skipped(last, "too_long")];
    if (best) return yield [...best.events, endOf(best)];
    return yield* conclude(ownWords(last, deps), best, deps);
  }
  const fitting = deps.alternates.filter((worker) => deps.fit(worker, placed.chat) === placed.chat);
  const speaking = { ...deps, alternates: visible.length === 0 ? deps.alternates : fitting };
  yield* last.role === "verify" && visible.length > 0
    ? check(placed, { seen, visible, best }, speaking)
    : conclude(placed, best, speaking);
}

/** Of several answers to the user's own words one is left: there is nothing to weigh it against. */
const needsNoJudge = (last: Step, only: StepRun, asked: number): boolean =>
  last.role === "judge" && asked > 1 && isWholeAnswer(only);

/** When nothing came of the steps before, the answering worker gets the request as the user put it. */
const ownWords = (step: Step, { chat }: ExecuteDeps): Placed => ({
  step: { ...step, subtask: null, access: "none" },
  chat: capOutput(chat, step.maxOutputTokens),
});

type Checked = {
  readonly seen: readonly StepRun[];
  readonly visible: readonly VisibleResult[];
  readonly best: StepRun | null;
};

/** A verifier as the last step: the result that it accepts is sent, else its own words are the answer. */
async function* check({ step, chat }: Placed, { seen, visible, best }: Checked, deps: ExecuteDeps): Events {
  const gate = createVerdictGate();
  const run = yield* speak(step, chat, deps, gate);
  const accepted = run.error === null && !gate.spoke() ? acceptedOf(gate.text(), seen, visible) : null;
  const instead = accepted ?? (run.error !== null && !gate.spoke() && !deps.signal.aborted ? best : null);
  if (instead) return yield [...instead.events, endOf(instead)];
  yield [...gate.release(), run.error === null ? endOf(run) : { type: "error", error: run.error }];
}
