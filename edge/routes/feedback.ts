import * as z from "zod";
import type { ShoalError } from "../../shared/errors.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { Grant } from "../admit.ts";
import { requestOfAnswer } from "../formats/answer-id.ts";
import { toRequestError } from "../formats/request-error.ts";
import { normalizeJson } from "../normalize.ts";
import type { KeptScore } from "../objects/tenant-log/feedback.ts";
import type { Context } from "../runtime/context.ts";
import { lookAgain } from "./look-again.ts";

const scoreRule = "a number from 0 to 1, 'good' or 'bad'";

export const feedbackBody = z.strictObject({
  /** `x-request-id`, or the answer's `id` in any format. */
  request_id: z.string().min(1).max(128),
  score: z.union([z.number().min(0).max(1), z.enum(["good", "bad"])], scoreRule),
  /** Whose own part of a team's answer is scored; by default the answer as it was given. */
  worker: z.string().min(1).max(128).optional(),
});

type FeedbackContext = Pick<Context, "objects" | "outbox" | "settings" | "clock" | "waitUntil">;

/**
 * `POST /v1/feedback`: scores an answer of the tenant's, while it has a trace. A key's later score of the same answer
 * takes the place of its earlier one. What all scores say of the workers reaches decisions within ten seconds.
 */
export const giveFeedback = async (
  request: Request,
  { identity: { tenant, keyId } }: Grant,
  { objects, outbox, settings, clock, waitUntil }: FeedbackContext,
): Promise<Result<object, ShoalError>> => {
  const given = await readBody(request, settings.maxBodyBytes);
  if (!given.ok) return given;
  const { answer, score, about } = given.value;
  if (outbox.findTrace(tenant, answer)) {
    // What this isolate has not sent yet goes first.
    const sent = outbox.send(tenant, 0);
    waitUntil(sent);
    await sent;
  }
  const keep = async (): Promise<Result<KeptScore, ShoalError>> =>
    objects.tenantLog(tenant).keepScore({ answer, keyId, score, about });
  const kept = await lookAgain(keep, (found) => found.ok || found.error.kind !== "not_found", { clock });
  if (!kept.ok) return kept;
  const { worker, lesson, revised } = kept.value;
  const object = objects.tenant(tenant);
  await Promise.all([object.keepBias(revised), about === null ? object.scoreArm(answer, score) : null]);
  return ok({
    object: "feedback",
    request_id: answer,
    score,
    worker: about ?? worker,
    learned: "worker" in lesson,
    reason: "why" in lesson ? lesson.why : null,
  });
};

const readBody = async (request: Request, maxBytes: number) => {
  const body = await normalizeJson(request, maxBytes);
  if (!body.ok) return body;
  const parsed = feedbackBody.safeParse(body.value);
  if (!parsed.success) return err(toRequestError(parsed.error, body.value));
  const { request_id: id, score, worker } = parsed.data;
  const answer = requestOfAnswer(id);
  if (answer === null) return err<ShoalError>({ kind: "not_found", message: "there is no such answer" });
  return ok({ answer, score: typeof score === "number" ? score : Number(score === "good"), about: worker ?? null });
};
