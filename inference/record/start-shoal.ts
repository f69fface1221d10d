/** A Shoal of its own for one run: what `npm start` runs, on free ports, with its state in a temporary folder. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { err, ok, type Result } from "../../shared/result.ts";

const local = join(import.meta.dirname, "..", "..", "edge", "local");
const keptLines = 20;

export type StartedShoal = {
  readonly url: string;
  readonly key: string;
  /** The operator's credential. */
  readonly adminKey: string;
  readonly inferenceUrl: string;
  /** Ends it and removes its state. */
  stop(): Promise<void>;
};

/**
 * Starts it with the environment's vendor keys; resolves when it is ready. The error holds its last lines. A guard, a
 * process of its own, ends it when this process dies without a word.
 */
export const startShoal = async (io: {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly random: (bytes: number) => string;
}): Promise<Result<StartedShoal, string>> => {
  const stateDir = await mkdtemp(join(tmpdir(), "shoal-record-"));
  const [port, inferencePort] = await freePorts(2);
  const key = `sk-shoal-local-${io.random(24)}`;
  const adminKey = `admin-local-${io.random(24)}`;
  const child = spawn(process.execPath, [join(local, "main.ts")], {
    cwd: io.cwd,
    // A group of its own: Ctrl-C is for the run, which ends its calls before it ends this.
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      SHOAL_CHAT_MODEL: "none",
      ...io.env,
      SHOAL_REGIONS: "",
      SHOAL_PORT: String(port),
      SHOAL_INFERENCE_PORT: String(inferencePort),
      SHOAL_STATE_DIR: stateDir,
      SHOAL_MODELS_DIR: io.env["SHOAL_MODELS_DIR"] ?? resolve(io.cwd, ".shoal", "models"),
      SHOAL_DEV_KEY: key,
      ADMIN_KEY: adminKey,
    },
  });
  const guard = startGuard(child.pid);
  const ended = once(child, "close");

  const lines: string[] = [];
  const ready = new Promise<boolean>((resolveReady) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on("line", (line) => {
        lines.push(line);
        if (lines.length > keptLines) lines.shift();
        if (line.startsWith("Shoal is ready")) resolveReady(true);
      });
    }
    void ended.then(() => resolveReady(false));
  });

  const stop = async () => {
    child.kill("SIGTERM");
    await ended;
    guard.end("\n");
    await rm(stateDir, { recursive: true, force: true });
  };
  if (await ready) return ok({ url: on(port), inferenceUrl: on(inferencePort), key, adminKey, stop });
  await stop();
  return err(`Shoal did not start; its last lines:\n${lines.map((line) => `  ${line}`).join("\n")}`);
};

const on = (port: number | undefined): string => `http://127.0.0.1:${port}`;

/** The launcher's own guard, given one group: see its file. */
const startGuard = (group: number | undefined) => {
  const guard = spawn(process.execPath, [join(local, "guard.ts")], {
    detached: true,
    stdio: ["pipe", "ignore", "inherit"],
    env: {},
  });
  guard.unref();
  guard.stdin.write(`${group ?? ""}\n`);
  return guard.stdin;
};

const freePorts = async (count: number): Promise<readonly number[]> => {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === "object" && address ? address.port : 0;
  });
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
};
