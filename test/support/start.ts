/**
 * The whole system for black-box tests: started as `npm start` does, on free ports, with its state in a temporary
 * folder, and stopped without a trace.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { compileCache } from "./command.ts";

const root = path.join(import.meta.dirname, "..", "..");

export type SystemOptions = {
  /** Besides the ports and folders; what the tests' own environment has of the system's variables is not passed on. */
  readonly env?: Readonly<Record<string, string>>;
  /** A state folder that outlives this run; by default a fresh one that is removed at the end. */
  readonly stateDir?: string;
};

type Ended = { readonly code: number | null; readonly signal: string | null };

export type System = {
  /** The edge, without `/v1`. */
  readonly url: string;
  readonly inferenceUrl: string;
  readonly key: string;
  /** The launcher's process id. */
  readonly pid: number;
  /** All that has been printed so far. */
  output(): string;
  /** Resolves once `pattern` has been printed; rejects when the system ends without. */
  printed(pattern: RegExp): Promise<RegExpExecArray>;
  readonly ended: Promise<Ended>;
  /** Ends it as Ctrl-C would, and waits for that. */
  stop(): Promise<Ended>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** A launcher that may not get as far as a running system. */
export type Launch = Pick<System, "pid" | "output" | "printed" | "ended">;

/** Ports of the loopback interface on which nothing listens. */
export const freePorts = async (count: number): Promise<readonly number[]> => {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => {
    const address = server.address();
    if (typeof address !== "object" || !address) throw new Error("the server has no port");
    return address.port;
  });
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return ports;
};

export const makeStateDir = (): Promise<string> => mkdtemp(path.join(tmpdir(), "shoal-"));

/** A state folder for several runs, removed at the end. */
export const makeState = async (): Promise<{ readonly dir: string } & AsyncDisposable> => {
  const dir = await makeStateDir();
  return { dir, [Symbol.asyncDispose]: () => rm(dir, { recursive: true, force: true }) };
};

/** Keys and settings of the machine that runs the tests would change the pool: an empty variable is none. */
const withoutOwn = () =>
  Object.fromEntries(
    Object.keys(process.env)
      .filter((name) =>
        /^(SHOAL|AWS|AZURE_OPENAI|BEDROCK|VERTEX)_|_(API_KEY|BASE_URL)$|^(KEY_SECRET|ADMIN_KEY)$/.test(name),
      )
      .map((name) => [name, ""]),
  );

/** Runs the launcher with these variables and no others of the system's. `cwd` is where it looks for `.env`. */
export const launch = (env: Readonly<Record<string, string>>, cwd: string = root): Launch => {
  const child = spawn(process.execPath, [path.join(root, "edge", "local", "main.ts")], {
    cwd,
    env: { ...process.env, ...withoutOwn(), ...compileCache, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => {
      lines.push(line);
      for (const look of waiting) look();
    });
  }
  const output = () => lines.join("\n");
  const ended = once(child, "close").then(([code, signal]: unknown[]) => ({
    code: typeof code === "number" ? code : null,
    signal: typeof signal === "string" ? signal : null,
  }));
  return {
    pid: child.pid ?? 0,
    output,
    ended,
    printed: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(output());
          if (!match) return;
          waiting.delete(look);
          resolve(match);
        };
        waiting.add(look);
        look();
        void ended.then(() => reject(new Error(`the system ended and had not printed ${pattern}:\n${output()}`)));
      }),
  };
};

/** Starts the system and waits until it is ready. Without further variables it has no worker. */
export const startSystem = async ({ env = {}, stateDir }: SystemOptions = {}): Promise<System> => {
  const dir = stateDir ?? (await makeStateDir());
  const [port = 0, inferencePort = 0] = await freePorts(2);
  const launched = launch({
    SHOAL_PORT: String(port),
    SHOAL_INFERENCE_PORT: String(inferencePort),
    SHOAL_STATE_DIR: dir,
    SHOAL_MODELS_DIR: path.join(root, ".shoal", "models"),
    SHOAL_CHAT_MODEL: "none",
    ...env,
  });
  const stop = async () => {
    kill(launched.pid, "SIGTERM");
    const how = await launched.ended;
    if (stateDir === undefined) await rm(dir, { recursive: true, force: true });
    return how;
  };
  const key = await launched.printed(/^Key: (\S+)$/m).catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  // The key is printed before the last lines of the same text.
  await launched.printed(/for await/);
  return {
    ...launched,
    url: `http://127.0.0.1:${port}`,
    inferenceUrl: `http://127.0.0.1:${inferencePort}`,
    key: key[1] ?? "",
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
    },
  };
};

/** One of several regions, as its operator and its clients see it. */
export type RunningRegion = {
  readonly url: string;
  readonly key: string;
  /** Everything of it that outlives a run. */
  readonly stateDir: string;
  /** What its processes have logged so far. */
  log(): string;
};

export type Regions<Name extends string> = {
  readonly regions: Readonly<Record<Name, RunningRegion>>;
  output(): string;
  stop(): Promise<void>;
};

/** Starts these regions at once, each with the variables of its own `.env.<region>`, on free ports. */
export const startRegions = async <Name extends string>(
  own: Readonly<Record<Name, Readonly<Record<string, string>>>>,
  env: Readonly<Record<string, string>> = {},
): Promise<Regions<Name>> => {
  const dir = await makeStateDir();
  const names = Object.keys(own).filter((name): name is Name => name in own);
  const ports = await freePorts(names.length * 2);
  for (const [index, name] of names.entries()) {
    const places = { SHOAL_PORT: ports[index * 2], SHOAL_INFERENCE_PORT: ports[index * 2 + 1] };
    const lines = Object.entries({ ...places, SHOAL_CHAT_MODEL: "none", ...own[name] });
    await writeFile(path.join(dir, `.env.${name}`), lines.map(([key, value]) => `${key}='${value}'\n`).join(""));
  }
  const launched = launch({ SHOAL_REGIONS: names.join(","), SHOAL_STATE_DIR: "state", ...env }, dir);
  const stop = async () => {
    kill(launched.pid, "SIGTERM");
    await launched.ended;
    await rm(dir, { recursive: true, force: true });
  };
  const regionOf = async (name: Name): Promise<RunningRegion> => {
    const ready = new RegExp(`^Region ${name} is ready at (\\S+)\n\nKey: (\\S+)$`, "m");
    const [, url = "", key = ""] = await launched.printed(ready);
    return {
      url,
      key,
      stateDir: path.join(dir, "state", name),
      log: () =>
        launched
          .output()
          .split("\n")
          .filter((line) => line.startsWith(`[${name} `))
          .join("\n"),
    };
  };
  try {
    const found = await Promise.all(names.map(async (name) => [name, await regionOf(name)] as const));
    const isWhole = (regions: object): regions is Record<Name, RunningRegion> => names.every((name) => name in regions);
    const regions: object = Object.fromEntries(found);
    if (!isWhole(regions)) throw new Error("a region is missing");
    return { regions, output: launched.output, stop };
  } catch (error) {
    await stop();
    throw error;
  }
};

/** Signals a process; one that is gone already is no error. */
export const kill = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
};
