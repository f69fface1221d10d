import * as z from "zod";
import type { Context } from "./context.ts";
import type { LocalStatus } from "./models.ts";

const askMs = 1_000;

const listSchema = z.object({
  data: z.array(
    z.object({
      id: z.string(),
      status: z.enum(["ready", "loading", "unavailable"]).optional(),
      detail: z.string().nullish(),
    }),
  ),
});

/** How the inference service's chat model is; null when it is not in the pool. */
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
    return { status: chat?.status ?? "ready", detail: chat?.detail ?? null };
  } catch {
    return { status: "unavailable", detail: "the inference service does not answer" };
  }
};
