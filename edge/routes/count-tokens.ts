import type { ShoalError } from "../../shared/errors.ts";
import { ok, type Result } from "../../shared/result.ts";
import { countInput } from "../../shared/tokens.ts";
import { readCountRequest } from "../formats/messages-request.ts";
import { normalizeJson } from "../normalize.ts";
import { resolveModel } from "../pool/resolve-model.ts";
import type { Context } from "../runtime/context.ts";

/**
 * `POST /v1/messages/count_tokens`: the estimate by which Shoal chooses workers, since which of them will answer, and
 * with which tokenizer, is only known when the request is made. Four bytes of text count as a token, an image as a
 * thousand, a page of a document as three thousand.
 */
export const countTokens = async (
  request: Request,
  { roster, settings, arrivedAt }: Pick<Context, "roster" | "settings" | "arrivedAt">,
): Promise<Result<{ readonly input_tokens: number }, ShoalError>> => {
  const body = await normalizeJson(request, settings.maxBodyBytes);
  if (!body.ok) return body;
  const chat = readCountRequest(body.value);
  if (!chat.ok) return chat;
  const choice = resolveModel(chat.value.model, roster, arrivedAt);
  return choice.ok ? ok({ input_tokens: countInput(chat.value).likely }) : choice;
};
