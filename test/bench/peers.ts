/** Other gateways, installed on request into a temporary folder and pointed at the same upstream. */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { freePorts } from "../support/start.ts";
import type { Row } from "./rows.ts";

const run = promisify(execFile);
const readyTimeoutMs = 120_000;
const installTimeoutMs = 600_000;

type PeerRow = Pick<Row, "name" | "url" | "headers"> & { readonly model?: string };
type Peer = { readonly row: PeerRow; readonly version: string; readonly process: ChildProcess };

export type Peers = AsyncDisposable & {
  readonly rows: readonly PeerRow[];
  readonly versions: Readonly<Record<string, string>>;
  /** Why a peer is missing. */
  readonly notes: readonly string[];
};

/** Installs and starts the peers; one that cannot be had is left out, with the reason. */
export const startPeers = async (upstream: string, say: (text: string) => void): Promise<Peers> => {
  const dir = await mkdtemp(path.join(tmpdir(), "shoal-peers-"));
  const peers: Peer[] = [];
  const notes: string[] = [];
  for (const [name, start] of [["Portkey", startPortkey] as const, ["LiteLLM", startLitellm] as const]) {
    say(`installing ${name}`);
    try {
      peers.push(await start(path.join(dir, name), upstream));
    } catch (error) {
      notes.push(`${name} is left out: ${String(error).slice(0, 1_000)}`);
    }
  }
  return {
    rows: peers.map(({ row }) => row),
    versions: Object.fromEntries(peers.map(({ row, version }) => [row.name, version])),
    notes,
    async [Symbol.asyncDispose]() {
      await Promise.all(peers.map(({ process }) => stop(process)));
      await rm(dir, { recursive: true, force: true });
    },
  };
};

/** The published package does not pin its server library, and answers every stream with 500 on a newer one. */
const portkey = {
  private: true,
  dependencies: { "@portkey-ai/gateway": "1.15.2" },
  overrides: { hono: "4.9.7", "@hono/node-server": "1.13.8" },
} as const;

const startPortkey = async (dir: string, upstream: string): Promise<Peer> => {
  await mkdir(dir);
  await writeFile(path.join(dir, "package.json"), JSON.stringify(portkey));
  await run("npm", ["install", "--prefix", dir, "--no-audit", "--no-fund"], { timeout: installTimeoutMs });
  const [port = 0] = await freePorts(1);
  const entry = path.join(dir, "node_modules", "@portkey-ai", "gateway", "build", "start-server.js");
  const process = await serve(globalThis.process.execPath, [entry, `--port=${port}`, "--headless"], port, {});
  return {
    process,
    version: portkey.dependencies["@portkey-ai/gateway"],
    row: {
      name: "Portkey",
      url: `http://127.0.0.1:${port}/v1/chat/completions`,
      headers: {
        authorization: "Bearer the-upstream-asks-for-none",
        "x-portkey-provider": "openai",
        "x-portkey-custom-host": `${upstream}/v1`,
      },
    },
  };
};

const litellmModel = "upstream";
const litellmVersion = "1.106.2";

const startLitellm = async (dir: string, upstream: string): Promise<Peer> => {
  await run("python3", ["-m", "venv", dir]);
  const bin = (name: string) => path.join(dir, "bin", name);
  await run(bin("pip"), ["install", "--quiet", `litellm[proxy]==${litellmVersion}`], { timeout: installTimeoutMs });
  const params = { model: `openai/${litellmModel}`, api_base: `${upstream}/v1`, api_key: "the-upstream-asks-for-none" };
  const config = path.join(dir, "config.yaml");
  // JSON is YAML.
  await writeFile(config, JSON.stringify({ model_list: [{ model_name: litellmModel, litellm_params: params }] }));
  const [port = 0] = await freePorts(1);
  const args = ["--config", config, "--host", "127.0.0.1", "--port", String(port)];
  const key = `sk-${randomBytes(16).toString("hex")}`;
  // Its price list would come from the internet.
  const env = { LITELLM_MASTER_KEY: key, LITELLM_LOCAL_MODEL_COST_MAP: "True" };
  const process = await serve(bin("litellm"), args, port, env);
  return {
    process,
    version: litellmVersion,
    row: {
      name: "LiteLLM",
      model: litellmModel,
      url: `http://127.0.0.1:${port}/v1/chat/completions`,
      headers: { authorization: `Bearer ${key}` },
    },
  };
};

/** Starts a server and waits until it answers anything at all. */
const serve = async (
  file: string,
  args: readonly string[],
  port: number,
  env: Readonly<Record<string, string>>,
): Promise<ChildProcess> => {
  const child = spawn(file, args, { env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "ignore"] });
  for (let waited = 0; waited < readyTimeoutMs && child.exitCode === null; waited += 200) {
    const answered = await fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    );
    if (answered) return child;
    await delay(200);
  }
  await stop(child);
  throw new Error(`${path.basename(file)} did not answer on its port`);
};

const stop = async (child: ChildProcess): Promise<void> => {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
};
