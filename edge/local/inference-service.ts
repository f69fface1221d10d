import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Result } from "../../shared/result.ts";
import type { Child, Children } from "./children.ts";
import type { Variables } from "./environment.ts";
import { loopback } from "./ports.ts";
import { whenReady } from "./readiness.ts";

const readyTimeoutMs = 60_000;
/** Waits before a restart; the last is repeated. */
const backoffMs = [500, 1000, 2000, 5000, 15_000, 30_000] as const;
/** A service that ran this long before it ended is restarted without delay having grown. */
const steadyMs = 60_000;

export type InferenceOptions = {
  /** As the operator reads it. */
  readonly name: string;
  readonly root: string;
  readonly port: number;
  readonly secret: string;
  readonly env: Variables;
};

export const inferenceUrl = (port: number): string => `http://${loopback}:${port}`;

export const startInference = (children: Children, { name, root, port, secret, env }: InferenceOptions): Child =>
  children.start({
    name,
    file: process.execPath,
    args: [path.join(root, "inference", "main.ts")],
    env: { ...env, SHOAL_INFERENCE_HOST: loopback, SHOAL_INFERENCE_PORT: String(port), INFERENCE_SECRET: secret },
  });

export const whenInferenceReady = (child: Child, port: number): Promise<Result<null, string>> =>
  whenReady(child, { url: `${inferenceUrl(port)}/readyz`, authorization: "" }, { fetch, timeoutMs: readyTimeoutMs });

/**
 * Starts the service again whenever it ends, until `stopped`: the edge answers without it, so its end is not the
 * end of the whole.
 */
export const keepInference = async (
  children: Children,
  options: InferenceOptions,
  first: Child,
  io: { readonly print: (line: string) => void; readonly now: () => number; readonly stopped: () => boolean },
): Promise<void> => {
  let child = first;
  let failures = 0;
  for (;;) {
    const since = io.now();
    const how = await child.ended;
    if (io.stopped()) return;
    failures = io.now() - since > steadyMs ? 0 : failures + 1;
    const waitMs = backoffMs[Math.min(Math.max(failures - 1, 0), backoffMs.length - 1)] ?? 0;
    io.print(
      `The ${options.name} service ended (${how}). Requests are answered without it; it starts again in ${waitMs} ms.`,
    );
    await delay(waitMs);
    if (io.stopped()) return;
    child = startInference(children, options);
  }
};
