import * as z from "zod";
import { err, ok, type Result } from "../../shared/result.ts";
import type { Clock } from "../runtime/clock.ts";
import { readAtMost } from "../runtime/read-at-most.ts";
import type { Settings } from "../runtime/settings.ts";

export type ConductorDeps = {
  readonly settings: Pick<Settings, "inference">;
  readonly fetch: typeof fetch;
  readonly clock: Clock;
};

/** `refused`: with its error's code; `unreadable`: too long, or no JSON. */
export type ConductorError =
  | { readonly kind: "not_configured" | "unreachable" | "unreadable" }
  | { readonly kind: "refused"; readonly status: number; readonly code: string | null };

/** Asks the inference service, and gives the JSON that it answers. */
export const postConductor = async (
  path: "/v1/plan" | "/v1/workflow",
  body: object,
  { mostBytes, signal }: { readonly mostBytes: number; readonly signal: AbortSignal },
  { settings: { inference }, fetch }: ConductorDeps,
): Promise<Result<unknown, ConductorError>> => {
  if (inference === null) return err({ kind: "not_configured" });
  try {
    const response = await fetch(`${inference.url}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${inference.secret}`, "content-type": "application/json" },
      body: JSON.stringify(body),
      signal,
    });
    const text = await readAtMost(response, mostBytes);
    const json = text === null ? undefined : parseJson(text);
    if (!response.ok) return err({ kind: "refused", status: response.status, code: codeOf(json) });
    return json === undefined ? err({ kind: "unreadable" }) : ok(json);
  } catch {
    return err({ kind: "unreachable" });
  }
};

const errorSchema = z.object({ error: z.object({ code: z.string() }) });

const codeOf = (json: unknown): string | null => errorSchema.safeParse(json).data?.error.code ?? null;

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
