import { decide } from "../shared/decide.ts";
import type { Decision, PlanRequest } from "../shared/decision.ts";
import { predict, readFeatures, type Head } from "../shared/head.ts";
import { cutTokens, viewText } from "../shared/prompt-view.ts";
import { err, ok, type Result } from "../shared/result.ts";
import type { Encoder } from "./encode.ts";
import type { Planner } from "./planner.ts";
import { unavailable, type Unavailable } from "./wire.ts";

/** What decides: an encoder and the weights that read its vectors. `planner`: null where none is ready to write. */
export type Conductor = {
  readonly encoder: Encoder;
  readonly head: Head;
  readonly planner: Pick<Planner, "expectedMs"> | null;
};

const maxTimerMs = 2 ** 31 - 1;

/**
 * The decision on a prompt. Refuses at once what the queue would make later than the request's deadline, and gives up
 * what is still waiting when the deadline has come: the edge has decided by itself then.
 */
export const plan = async (
  request: PlanRequest,
  { encoder, head, planner }: Conductor,
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
  const prediction = predict(head, readFeatures(head, text, vector.value), profiles);
  return ok(decide(prediction, expecting(request, planner), head.version));
};

/** The request with what a workflow of the service's own planner is likely to take, where that one is to write. */
const expecting = (request: PlanRequest, planner: Conductor["planner"]): PlanRequest =>
  request.planner?.by === "conductor"
    ? { ...request, planner: { ...request.planner, waitMs: planner?.expectedMs() ?? 0 } }
    : request;
