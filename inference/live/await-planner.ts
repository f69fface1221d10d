import * as z from "zod";
import { err, ok, type Result } from "../../shared/result.ts";

const readySchema = z.object({ planner: z.enum(["none", "loading", "ready", "failed"]) });
const lookEveryMs = 500;

export type AwaitDeps = {
  readonly fetch: typeof globalThis.fetch;
  readonly delay: (ms: number, signal: AbortSignal) => Promise<unknown>;
  /** Ends the wait. */
  readonly signal: AbortSignal;
  readonly onWait: () => void;
};

/**
 * Waits until the model that writes workflows is loaded, where one is configured: before, all of them have the fixed
 * shape, and it is not what is to be measured. The error says that it cannot be loaded.
 */
export const awaitPlanner = async (
  inferenceUrl: string,
  { fetch, delay, signal, onWait }: AwaitDeps,
): Promise<Result<"ready" | "none", string>> => {
  for (let look = 0; !signal.aborted; look += 1) {
    const { planner } = readySchema.parse(await (await fetch(`${inferenceUrl}/readyz`)).json());
    if (planner === "ready" || planner === "none") return ok(planner);
    if (planner === "failed") return err("the model of SHOAL_PLANNER_MODEL cannot be loaded: npm start says why");
    if (look === 0) onWait();
    await delay(lookEveryMs, signal);
  }
  return err("stopped while the planner's model was loading");
};
