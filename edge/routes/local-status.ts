import * as z from "zod";
import type { Context } from "../runtime/context.ts";

/** How the inference service's chat model is: on its way at a first start, or why it cannot be had. */
export type LocalStatus = {
  readonly status: "ready" | "loading" | "failed";
  readonly progress?: { readonly doneBytes: number; readonly totalBytes: number } | undefined;
  readonly reason?: string | undefined;
};

const askMs = 1_000;

const entrySchema = z.object({
  id: z.string(),
  status: z.enum(["ready", "loading", "failed"]).optional(),
  progress: z
    .object({ doneBytes: z.number(), totalBytes: z.number() })
    .nullish()
    .transform((progress) => progress ?? undefined),
  reason: z.string().optional(),
});
const listSchema = z.object({ data: z.array(entrySchema) });

/** Asks the inference service; null when its chat model is not in the pool. */
export const askLocalStatus = async ({
  settings,
  fetch,
}: Pick<Context, "settings" | "fetch">): Promise<LocalStatus | null> => {
  const { inference } = settings;
  if (!settings.localChat || inference === null) return null;
  try {
    const response = await fetch(`${inference.url}/v1/models`, {
      headers: { authorization: `Bearer ${inference.secret}` },
      signal: AbortSignal.timeout(askMs),
    });
    const chat = listSchema.parse(await response.json()).data.find((model) => model.id === "chat");
    if (!chat) return { status: "failed", reason: "the inference service has no chat model" };
    return { status: chat.status ?? "ready", progress: chat.progress, reason: chat.reason };
  } catch {
    return { status: "failed", reason: "the inference service does not answer" };
  }
};
