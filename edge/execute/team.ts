import { answerText, collect, type AnswerEvent, type Told } from "../../shared/events.ts";
import type { Step } from "../../shared/plan.ts";
import { readVerdict, type Team } from "../../shared/team.ts";
import { endOf, speak, type Events, type ExecuteDeps, type Gate } from "./answer.ts";
import { composeStep, type VisibleResult } from "./compose-step.ts";
import { accounting, innerStep, isUsable, toVisible } from "./inner-step.ts";
import type { StepRun } from "./run-step.ts";

/**
 * Plans, where the task begins; acts; and when the acting worker has answered instead of calling a tool, has the answer
 * checked before it goes out. Without a plan it acts on the request as it is, without a verdict its answer goes out:
 * those who advise can fail, and only cost what they cost.
 */
export async function* runTeam(team: Team, deps: ExecuteDeps): Events {
  const advice = team.plan ? yield* plan(team.plan, deps) : [];
  if (deps.signal.aborted) return;
  const held = createHold();
  const acted = yield* speak(team.act, composeStep(deps.chat, team.act, advice, deps.newBoundary()), deps, held);
  if (acted.error !== null) return yield [...held.release(), { type: "error", error: acted.error }];
  const draft = held.text();
  if (held.calls() || acted.end !== "stop" || draft === "") return yield [...held.release(), endOf(acted)];

  const objection = yield* verify(team, acted, draft, deps);
  const revised = objection !== null && (yield* revise(team, acted, [draft, objection], deps));
  if (!revised) yield [...held.release(), endOf(acted)];
}

const resultOf = ({ id }: Step, text: string): VisibleResult => ({ step: id, text });

async function* plan(
  step: Step,
  deps: ExecuteDeps,
): AsyncGenerator<readonly AnswerEvent[], readonly VisibleResult[], void> {
  const run = yield* innerStep(step, composeStep(deps.chat, step, [], deps.newBoundary()), deps);
  const { text } = toVisible(run);
  return isUsable(run) && text !== "" ? [resultOf(step, text)] : [];
}

/** What the verifier objects to; null when the answer may go out. */
async function* verify(
  { act, verify: step }: Team,
  acted: StepRun,
  draft: string,
  deps: ExecuteDeps,
): Told<string | null> {
  // After a failover the verifier may be the one that acted: nobody is asked to check themselves.
  if (deps.signal.aborted || step.worker === acted.step.worker) return null;
  const chat = composeStep(deps.chat, step, [resultOf(act, draft)], deps.newBoundary());
  if (!(await deps.extend(step.worker, chat))) return null;
  const run = yield* innerStep(step, chat, deps);
  return isUsable(run) ? readVerdict(toVisible(run).text) : null;
}

/** Streams the revised answer; false when there is none, and nothing of it has gone out. */
async function* revise(
  { act, verify: verifier, revise: step }: Team,
  { step: { worker } }: StepRun,
  [draft, objection]: readonly [string, string],
  deps: ExecuteDeps,
): Told<boolean> {
  if (deps.signal.aborted) return false;
  const results = [resultOf(act, draft), resultOf(verifier, objection)];
  const chat = composeStep(deps.chat, step, results, deps.newBoundary());
  if (!(await deps.extend(worker, chat))) return false;
  const words = createRewording();
  const run = yield* speak({ ...step, worker }, chat, { ...deps, alternates: [] }, words);
  if (!words.spoke()) return false;
  yield [run.error === null ? endOf(run) : { type: "error", error: run.error }];
  return true;
}

/**
 * Holds back text until it is known whether it is the answer, which is checked first, or goes before a tool call: from
 * the first call on, and in all that comes before the first text, the call streams as any other. The proof of a thought
 * is held as well, since it would not fit another answer.
 */
const createHold = () => {
  let held: AnswerEvent[] = [];
  let open = false;
  let thought = false;
  const release = (): readonly AnswerEvent[] => {
    const released = held;
    held = [];
    return released;
  };
  const passes = ({ type }: AnswerEvent): boolean =>
    accounting.has(type) || (held.length === 0 && (type === "start" || type === "reasoning-delta"));
  return {
    pass: (batch) =>
      batch.flatMap((event) => {
        if (event.type === "tool-call-start") open = true;
        if (open) return [...release(), event];
        if (!passes(event)) {
          held.push(event);
          return [];
        }
        thought ||= event.type === "reasoning-delta";
        return [event];
      }),
    spoke: () => open || thought,
    clear: release,
    release,
    text: () => answerText(collect(held)),
    calls: () => open,
  } satisfies Gate & Record<string, unknown>;
};

/** Lets through the words of a second answer; the thoughts that the client has seen are those of the first. */
const createRewording = () => {
  let spoken = false;
  return {
    pass: (batch) => {
      const passed = batch.filter(({ type }) => accounting.has(type) || type === "start" || reworded.has(type));
      spoken ||= passed.some(({ type }) => reworded.has(type));
      return passed;
    },
    clear: () => undefined,
    spoke: () => spoken,
  } satisfies Gate & Record<string, unknown>;
};

const reworded: ReadonlySet<AnswerEvent["type"]> = new Set(["text-delta", "refusal-delta"]);
