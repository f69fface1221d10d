import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import path from "node:path";
import { createChildren } from "../../edge/local/children.ts";
import { edgeUrl, startEdge, whenEdgeReady } from "../../edge/local/edge-process.ts";
import { prepare } from "../../edge/local/prepare.ts";
import { freePorts, makeStateDir } from "./start.ts";

export type EdgeAlone = AsyncDisposable & { readonly url: string; readonly key: string; readonly adminKey: string };

/**
 * The edge as `npm start` prepares and starts it, with a conductor of the test's own in place of the inference service.
 * `env`: all of the system's variables that are set.
 */
export const startEdgeAlone = async (
  env: Readonly<Record<string, string>>,
  conductorUrl: string,
): Promise<EdgeAlone> => {
  const root = path.join(import.meta.dirname, "..", "..");
  const dir = await makeStateDir();
  const [port = 0, unused = 0] = await freePorts(2);
  const places = { SHOAL_PORT: String(port), SHOAL_INFERENCE_PORT: String(unused), SHOAL_STATE_DIR: dir };
  const prepared = await prepare({
    root,
    env: { ...places, SHOAL_CHAT_MODEL: "none", ...env },
    cwd: dir,
    random: (bytes) => randomBytes(bytes).toString("hex"),
  });
  if (!prepared.ok) throw new Error(prepared.error);
  const [system] = prepared.value.systems;
  if (!system) throw new Error("nothing was prepared");
  const children = createChildren(() => undefined);
  const child = startEdge(children, {
    port,
    configFile: system.configFile,
    env: { ...system.worker, INFERENCE_URL: conductorUrl },
  });
  const ready = await whenEdgeReady(child, port, system.key);
  if (!ready.ok) throw new Error(ready.error);
  return {
    url: edgeUrl(port),
    key: system.key,
    adminKey: system.adminKey,
    async [Symbol.asyncDispose]() {
      await children.stop(2_000);
      await rm(dir, { recursive: true, force: true });
    },
  };
};
