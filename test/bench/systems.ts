/** Everything that the rows go through, each a process of its own on the loopback interface. */
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import * as z from "zod";
import { bundleWorker } from "../../edge/local/bundle.ts";
import { createChildren } from "../../edge/local/children.ts";
import { edgeUrl, startEdge } from "../../edge/local/edge-process.ts";
import { whenReady } from "../../edge/local/readiness.ts";
import { readWorkerConfig } from "../../edge/local/worker-config.ts";
import { writeWorkerdConfig } from "../../edge/local/workerd-config.ts";
import { childrenOf } from "../support/processes.ts";
import { freePorts, startSystem } from "../support/start.ts";

const root = path.join(import.meta.dirname, "..", "..");

/** Something that answers at `url`, until it is disposed of. */
export type Running = AsyncDisposable & { readonly url: string };

export const startUpstream = async (): Promise<Running> => {
  const file = fileURLToPath(import.meta.resolve("./upstream.ts"));
  const child = spawn(process.execPath, [file], { stdio: ["pipe", "pipe", "inherit"] });
  const [port]: unknown[] = await once(createInterface({ input: child.stdout }), "line");
  return {
    url: `http://127.0.0.1:${String(port)}`,
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await once(child, "exit");
    },
  };
};

/** An edge process whose memory can be read. */
export type Edge = Running & { readonly pid: number };

const workerdOf = async (parent: number): Promise<number> => {
  const found = (await childrenOf(parent)).find(({ command }) => command.includes("workerd"));
  if (!found) throw new Error("workerd is not running");
  return found.pid;
};

/** The floor's Worker under the same workerd, with the same compatibility date. */
export const startFloor = async (upstream: string): Promise<Edge> => {
  const dir = await mkdtemp(path.join(tmpdir(), "shoal-floor-"));
  const storage = path.join(dir, "state");
  await mkdir(storage);
  const wrangler = await readWorkerConfig(path.join(root, "wrangler.toml"));
  if (!wrangler.ok) throw new Error(wrangler.error);
  const entry = fileURLToPath(import.meta.resolve("./floor.ts"));
  const bundled = await bundleWorker({ entry, outfile: path.join(dir, "index.js"), keepNames: false });
  if (!bundled.ok) throw new Error(bundled.error);
  const configFile = path.join(dir, "config.capnp");
  const config = { ...wrangler.value, vars: { UPSTREAM: upstream }, objects: [] };
  await writeFile(configFile, writeWorkerdConfig(config, { bundle: "index.js", storage }, []));

  const [port = 0] = await freePorts(1);
  const children = createChildren(() => {});
  const child = startEdge(children, { port, configFile, env: {} });
  const ready = await whenReady(
    child,
    { url: `${edgeUrl(port)}/healthz`, authorization: "" },
    { fetch, timeoutMs: 10_000 },
  );
  if (!ready.ok) throw new Error(ready.error);
  return {
    url: edgeUrl(port),
    pid: await workerdOf(process.pid),
    async [Symbol.asyncDispose]() {
      await children.stop(2_000);
      await rm(dir, { recursive: true, force: true });
    },
  };
};

/** The system with the key of a tenant. */
export type Shoal = Edge & { readonly key: string };

const keySchema = z.object({ key: z.string() });
const monthlyBudgetUsd = 100_000;

/** Shoal as `npm start` starts it, with a tenant that has a key and a budget of its own. */
export const startShoal = async (upstream: string): Promise<Shoal> => {
  const adminKey = `admin-bench-${randomBytes(24).toString("hex")}`;
  const system = await startSystem({
    env: { OPENAI_API_KEY: "the-upstream-asks-for-none", OPENAI_BASE_URL: `${upstream}/v1`, ADMIN_KEY: adminKey },
  });
  const administer = async (resource: string, body: object): Promise<unknown> => {
    const response = await fetch(`${system.url}/admin/${resource}`, {
      method: "POST",
      headers: { authorization: `Bearer ${adminKey}` },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${resource}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  await administer("tenants", { id: "bench", name: "Bench", limits: { usd_per_month: monthlyBudgetUsd } });
  const { key } = keySchema.parse(await administer("tenants/bench/keys", { name: "bench" }));
  return { url: system.url, key, pid: await workerdOf(system.pid), [Symbol.asyncDispose]: system[Symbol.asyncDispose] };
};
