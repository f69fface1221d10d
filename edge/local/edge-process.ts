import { createRequire } from "node:module";
import * as z from "zod";
import type { Result } from "../../shared/result.ts";
import type { Child, Children } from "./children.ts";
import type { Variables } from "./environment.ts";
import { loopback } from "./ports.ts";
import { whenReady } from "./readiness.ts";
import { socketName } from "./workerd-config.ts";

const readyTimeoutMs = 30_000;

const require = createRequire(import.meta.url);
/** The package says where its native binary is, which spares a Node process around it. */
const workerdFile = () => z.object({ default: z.string() }).parse(require("workerd")).default;

export const edgeUrl = (port: number): string => `http://${loopback}:${port}`;

export const startEdge = (
  children: Children,
  options: { readonly name?: string; readonly port: number; readonly configFile: string; readonly env: Variables },
): Child =>
  children.start({
    name: options.name ?? "edge",
    file: workerdFile(),
    args: ["serve", options.configFile, `--socket-addr=${socketName}=${loopback}:${options.port}`],
    env: options.env,
  });

/** Waits until the edge answers its own key. */
export const whenEdgeReady = (child: Child, port: number, key: string): Promise<Result<null, string>> =>
  whenReady(
    child,
    { url: `${edgeUrl(port)}/v1/models`, authorization: `Bearer ${key}` },
    { fetch, timeoutMs: readyTimeoutMs },
  );
