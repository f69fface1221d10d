/** Other gateways, installed on request into a temporary folder and pointed at the same upstream. */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
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

/** With the versions of its server library that the published package needs and does not pin. */
const portkey = { version: "1.15.2", needs: ["hono@4.9.7", "@hono/node-server@1.13.8"] } as const;

const startPortkey = async (dir: string, upstream: string): Promise<Peer> => {
  const packages = [`@portkey-ai/gateway@${portkey.version}`, ...portkey.needs];
  await run("npm", ["install", "--prefix", dir, "--no-audit", "--no-fund", ...packages], { timeout: installTimeoutMs });
  const [port = 0] = await freePorts(1);
  const entry = path.join(dir, "node_modules", "@portkey-ai", "gateway", "build", "start-server.js");
  const process = await serve(globalThis.process.execPath, [entry, `--port=${port}`, "--headless"], port, {});
  return {
    process,
    version: portkey.version,
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

const startLitellm = async (dir: string, upstream: string): Promise<Peer> => {
  await run("python3", ["-m", "venv", dir]);
  const bin = (name: string) => path.join(dir, "bin", name);
  await run(bin("pip"), ["install", "--quiet", "litellm[proxy]"], { timeout: installTimeoutMs });
  const { stdout } = await run(bin("pip"), ["show", "litellm"]);
  const params = { model: `openai/${litellmModel}`, api_base: `${upstream}/v1`, api_key: "the-upstream-asks-for-none" };
  const config = path.join(dir, "config.yaml");
  // JSON is YAML.
  await writeFile(config, JSON.stringify({ model_list: [{ model_name: litellmModel, litellm_params: params }] }));
  const [port = 0] = await freePorts(1);
  const args = ["--config", config, "--host", "127.0.0.1", "--port", String(port)];
  // Its price list would come from the internet.
  const process = await serve(bin("litellm"), args, port, { LITELLM_LOCAL_MODEL_COST_MAP: "True" });
  return {
    process,
    version: /^Version: (\S+)/m.exec(stdout)?.[1] ?? "unknown",
    row: {
      name: "LiteLLM",
      model: litellmModel,
      url: `http://127.0.0.1:${port}/v1/chat/completions`,
      headers: { authorization: "Bearer none" },
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
