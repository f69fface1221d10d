import type { ShoalError } from "../../../shared/errors.ts";
import { ok, type Result } from "../../../shared/result.ts";
import { baseHeaders } from "../../encode/headers.ts";
import type { ExportedAnswer } from "../../objects/tenant-log/feedback.ts";
import type { Context } from "../../runtime/context.ts";

const pageAnswers = 500;

/**
 * A tenant's scored answers, a line of JSON each, in the shape of recordings: `models` has what was scored of whom, and
 * `feedback` how it was decided. There is no prompt in it, since none is kept: a type of task stands for it.
 */
export const tellFeedback = async (
  tenant: string,
  _request: Request,
  context: Context,
): Promise<Result<Response, ShoalError>> => {
  const log = context.objects.tenantLog(tenant);
  const encoder = new TextEncoder();
  let after: string | null = "";
  const lines = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (after === null) return controller.close();
      const answers: readonly ExportedAnswer[] = await log.listScored({ after, limit: pageAnswers });
      after = answers.length < pageAnswers ? null : (answers.at(-1)?.id ?? null);
      const text = answers.map((answer) => `${JSON.stringify(toRecording(answer))}\n`).join("");
      // An empty chunk would not ask for the next one.
      if (text === "") return controller.close();
      controller.enqueue(encoder.encode(text));
    },
  });
  return ok(new Response(lines, { headers: { ...baseHeaders(context), "content-type": "application/x-ndjson" } }));
};

const toRecording = (answer: ExportedAnswer) => {
  const { id, at, model, worker, direct, best, drawn, foreseen, taskType, weights, scores } = answer;
  return {
    id,
    domain: taskType ?? "unknown",
    problem: id,
    prompt: null,
    models: outcomesOf(answer),
    feedback: {
      at: new Date(at).toISOString(),
      model,
      worker,
      direct,
      best,
      drawn,
      foreseen,
      weights,
      scores: scores.map((given) => ({
        key_id: given.keyId,
        about: given.about,
        at: new Date(given.at).toISOString(),
        score: given.score,
      })),
    },
  };
};

/** Of whoever answered alone, and of those whose own part was scored. */
const outcomesOf = ({ worker, direct, scores, ...answer }: ExportedAnswer) => {
  const whole = scores.filter(({ about }) => about === null).map(({ score }) => score);
  const parts = Map.groupBy(
    scores.filter(({ about }) => about !== null),
    ({ about }) => about ?? "",
  );
  const measured = {
    ...(answer.inputTokens !== null && { tokens_in: answer.inputTokens }),
    ...(answer.outputTokens !== null && { tokens_out: answer.outputTokens }),
    ...(answer.costDollars !== null && { cost_usd: answer.costDollars }),
    ...(answer.latencyMs !== null && { latency_ms: answer.latencyMs }),
  };
  return Object.fromEntries([
    ...(direct && whole.length > 0 ? [[worker, { ...outcomeOf(whole), ...measured }] as const] : []),
    ...[...parts].map(([about, given]) => [about, outcomeOf(given.map(({ score }) => score))] as const),
  ]);
};

const outcomeOf = (scores: readonly number[]) => ({
  correct: scores.reduce((sum, score) => sum + score, 0) / scores.length,
  ...(scores.length > 1 && { runs: scores }),
});
