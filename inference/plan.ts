import { decide } from "../shared/decide.ts";
import type { Decision, PlanRequest } from "../shared/decision.ts";
import { predict, readFeatures, type Head } from "../shared/head.ts";
import { cutTokens, viewText } from "../shared/prompt-view.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { uncalled, wantsWriting, withoutWriting, withWriting } from "../shared/settle-writing.ts";
import type { Encoder } from "./encode.ts";
import type { Planner } from "./planner.ts";
import { unavailable, type Unavailable } from "./wire.ts";

/** What decides: an encoder and the weights that read its vectors; and what writes workflows, null where nothing does. */
export type Conductor = { readonly encoder: Encoder; readonly head: Head; readonly planner: Planner | null };

const maxTimerMs = 2 ** 31 - 1;

/** What an answer takes on its way back: a workflow is given up so long before its deadline. */
const returnMs = 50;

type PlanDeps = {
  readonly signal: AbortSignal;
  /** Milliseconds; only differences count. */
  readonly monotonic: () => number;
};

/**
 * The decision on a prompt, and where a team is worth it and the edge has sent the task, the workflow that the planner
 * writes. Refuses at once what the queue would make later than the request's deadline, and gives up what is still
 * waiting when the deadline has come: the edge has decided by itself then. Without a workflow in time the decision has
 * the fixed shape.
 */
export const plan = async (
  request: PlanRequest,
  conductor: Conductor,
  deps: PlanDeps,
): Promise<Result<Decision, Unavailable>> => {
  const start = deps.monotonic();
  const { planner } = conductor;
  const told = request.planner?.task === undefined || !planner ? request : expecting(request, planner.expectedMs());
  const decision = await decideBy(told, conductor, deps.signal);
  if (!decision.ok) return decision;
  const { task, deadlineMs = request.deadlineMs } = request.planner ?? {};
  if (task === undefined || !wantsWriting(decision.value, request)) return decision;
  if (!planner) return ok(withoutWriting(decision.value, "not_available", uncalled(ownName)));

  const leftMs = deadlineMs - (deps.monotonic() - start) - returnMs;
  const job = { task, workers: decision.value.scores };
  const written = await planner.write(job, { deadlineMs: leftMs, signal: deps.signal });
  const call = { ...uncalled(ownName), ms: deps.monotonic() - start };
  if (!written.ok) {
    return ok(withoutWriting(decision.value, written.error === "late" ? "late" : "failed", call));
  }
  const { inputTokens, outputTokens } = written.value;
  return ok(withWriting(decision.value, { ...written.value, call: { ...call, inputTokens, outputTokens } }));
};

/** Who the trace says has planned. */
const ownName = "conductor";

const expecting = (request: PlanRequest, waitMs: number): PlanRequest =>
  request.planner ? { ...request, planner: { ...request.planner, waitMs } } : request;

const decideBy = async (
  request: PlanRequest,
  { encoder, head }: Conductor,
  signal: AbortSignal,
): Promise<Result<Decision, Unavailable>> => {
  const text = viewText(request.view);
  const tokens = cutTokens(encoder.tokenize(text));
  const { deadlineMs } = request;
  const patience = AbortSignal.any([signal, AbortSignal.timeout(Math.min(Math.ceil(deadlineMs), maxTimerMs))]);
  const vector = await encoder.encode(tokens, { deadlineMs, signal: patience });
  if (!vector.ok) {
    const waitMs = vector.error.kind === "busy" ? vector.error.waitMs : deadlineMs;
    return err(unavailable("overloaded", `no plan within ${deadlineMs} ms`, waitMs / 1000));
  }
  const profiles = request.candidates.flatMap((candidate) => candidate.profile ?? []);
  return ok(decide(predict(head, readFeatures(head, text, vector.value), profiles), request, head.version));
};
