import type { ChatRequest } from "../../shared/chat.ts";
import type { ShoalError } from "../../shared/errors.ts";
import type { Preference } from "../../shared/preference.ts";
import { err, ok, type Result } from "../../shared/result.ts";

/** Workflows that one request may run: the first, and at preference `quality` one that revises its answer. */
export type RoundLimit = 1 | 2;

/**
 * How many rounds the request may take. `x-shoal-rounds: 1`, or `metadata.shoal_rounds: "1"` where a client cannot set
 * headers, forbids the second; `2` is what `quality` has anyway.
 */
export const readRounds = (
  headers: Headers,
  { metadata }: Pick<ChatRequest, "metadata">,
  { name }: Pick<Preference, "name">,
): Result<RoundLimit, ShoalError> => {
  const header = headers.get("x-shoal-rounds");
  const wanted = header ?? metadata["shoal_rounds"] ?? "2";
  if (wanted === "1") return ok(1);
  if (wanted === "2") return ok(name === "quality" ? 2 : 1);
  const param = header === null ? "metadata.shoal_rounds" : "x-shoal-rounds";
  return err({ kind: "invalid_request", message: `${param} must be 1 or 2`, param });
};
