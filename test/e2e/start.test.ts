import { once } from "node:events";
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { clientsOf } from "../support/clients.ts";
import { childrenOf, stillRunning } from "../support/processes.ts";
import { freePorts, kill, launch, makeStateDir, startSystem, type System } from "../support/start.ts";
import { startVendors, type Vendors } from "../support/vendors.ts";

/** The process of the system whose command has this in it. */
const childOf = async (system: System, part: string) => {
  const child = (await childrenOf(system.pid)).find(({ command }) => command.includes(part));
  if (!child) throw new Error(`no process runs ${part}`);
  return child.pid;
};

/** A server on a port of its own, to be in the way. */
const occupy = async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const address = server.address();
  if (typeof address !== "object" || !address) throw new Error("the server has no port");
  return address.port;
};

const listModels = (url: string, key: string) =>
  fetch(`${url}/v1/models`, { headers: { authorization: `Bearer ${key}` } });

const within = { timeout: 15_000, interval: 50 };

let dir: string;
beforeAll(async () => {
  dir = await makeStateDir();
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe("npm start without a provider", () => {
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ stateDir: dir });
  });
  afterAll(() => system[Symbol.asyncDispose]());

  it("says where it is, with which key, who is in the pool and who is not", async () => {
    const output = system.output();
    expect(output).toContain(`Shoal is ready at ${system.url}`);
    expect(output).toContain("No worker is in the pool.");
    expect(output).toMatch(/Not in the pool:\n( {2}.* is not set\n)+/);
    expect(output).toMatch(/_API_KEY=\.\.\. npm start/);
    expect(output).toContain(`authorization: Bearer ${system.key}`);
    expect(output).toContain(`baseURL: "${system.url}/v1"`);
    expect((await listModels(system.url, system.key)).status).toBe(200);
    expect((await listModels(system.url, "sk-shoal-other")).status).toBe(401);
  });

  it("leaves no process and no listening port at SIGTERM", async () => {
    const children = await childrenOf(system.pid);
    expect(children.length).toBeGreaterThanOrEqual(2);
    expect(await system.stop()).toEqual({ code: 0, signal: null });
    await vi.waitFor(async () => expect(await stillRunning(children)).toEqual([]), within);
    await expect(fetch(`${system.url}/healthz`)).rejects.toThrow("fetch failed");
    await expect(fetch(`${system.inferenceUrl}/healthz`)).rejects.toThrow("fetch failed");
  });
});

describe("npm start, once more and with providers", () => {
  let vendors: Vendors;
  let system: System;
  beforeAll(async () => {
    vendors = await startVendors();
    system = await startSystem({ stateDir: dir, env: vendors.env });
  });
  afterAll(async () => {
    await system[Symbol.asyncDispose]();
    await vendors[Symbol.asyncDispose]();
  });

  const ask = async (content: string) => {
    return clientsOf(system).openai.chat.completions.create({
      model: "shoal-mini",
      stream: true,
      messages: [{ role: "user", content }],
    });
  };

  it("has the key of the first start", async () => {
    expect(await readFile(path.join(dir, "secrets.json"), "utf8")).toContain(system.key);
    expect((await listModels(system.url, system.key)).status).toBe(200);
  });

  it("conducts the vendors whose keys are in the environment", async () => {
    vendors.reset();
    expect(system.output()).not.toMatch(/^ {2}openai, /m);
    expect(system.output()).not.toContain("plumbing");
    const pieces: string[] = [];
    for await (const chunk of await ask("Why?")) pieces.push(chunk.choices[0]?.delta.content ?? "");
    expect(pieces.join("")).toBe("Fish turn together.");
    expect(vendors.calls()).toHaveLength(1);
    expect(vendors.violations).toEqual([]);
  });

  it("passes a stream on piece by piece", async () => {
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    vendors.script({
      text: ["first", "last"],
      beforeChunk: (index) => (index === 0 ? Promise.resolve() : held),
    });
    const seen: string[] = [];
    for await (const chunk of await ask("Say two words.")) {
      const text = chunk.choices[0]?.delta.content ?? "";
      if (text === "") continue;
      seen.push(text);
      // The last piece exists only once the first has arrived.
      release();
    }
    expect(seen).toEqual(["first", "last"]);
  });

  it("keeps secrets from other users, from the configuration and from the process list", async () => {
    expect((await stat(path.join(dir, "secrets.json"))).mode & 0o777).toBe(0o600);
    const config = await readFile(path.join(dir, "worker", "config.capnp"), "utf8");
    const commands = (await childrenOf(system.pid)).map((process) => process.command).join("\n");
    expect(commands).toContain("workerd");
    for (const secret of [system.key, vendors.openai.key]) {
      expect(config).not.toContain(secret);
      expect(commands).not.toContain(secret);
    }
  });

  it("keeps the edge and starts the inference service again when that is killed", async () => {
    kill(await childOf(system, "inference/main.ts"), "SIGKILL");
    await system.printed(/inference service ended \(SIGKILL\)/);
    expect((await listModels(system.url, system.key)).status).toBe(200);
    await vi.waitFor(async () => expect((await fetch(`${system.inferenceUrl}/readyz`)).status).toBe(200), within);
  });

  it("ends with the last words of an edge that dies", async () => {
    kill(await childOf(system, "workerd"), "SIGKILL");
    expect(await system.ended).toEqual({ code: 1, signal: null });
    expect(system.output()).toContain("edge ended (SIGKILL)");
  });
});

describe("npm start with the operator's own key and local model", () => {
  let system: System;
  beforeAll(async () => {
    const env = { SHOAL_DEV_KEY: "sk-shoal-local-mine", SHOAL_CHAT_MODEL: path.join(dir, "none.gguf") };
    system = await startSystem({ env });
  });
  afterAll(() => system[Symbol.asyncDispose]());

  it("takes the key", async () => {
    expect(system.key).toBe("sk-shoal-local-mine");
    expect((await listModels(system.url, "sk-shoal-local-mine")).status).toBe(200);
  });

  it("says that the local model is a test of the plumbing", () => {
    expect(system.output()).toMatch(/Workers in the pool:\n {2}local\/chat \(/);
    expect(system.output()).toContain("a test of the plumbing, not the quality of Shoal");
  });

  it("leaves no process when it is killed", async () => {
    const children = await childrenOf(system.pid);
    kill(system.pid, "SIGKILL");
    expect(await system.ended).toEqual({ code: null, signal: "SIGKILL" });
    await vi.waitFor(async () => expect(await stillRunning(children)).toEqual([]), within);
  });
});

describe("npm start that cannot be", () => {
  it.each(["SHOAL_PORT", "SHOAL_INFERENCE_PORT"])("starts nothing when %s is taken", async (name) => {
    const [port = 0, inferencePort = 0] = await freePorts(2);
    const taken = await occupy();
    const run = launch({
      SHOAL_PORT: String(port),
      SHOAL_INFERENCE_PORT: String(inferencePort),
      SHOAL_STATE_DIR: dir,
      [name]: String(taken),
    });
    expect(await run.ended).toEqual({ code: 1, signal: null });
    expect(run.output()).toBe(`port ${taken} is taken: stop what listens there, or set ${name} to another port`);
  });

  it("names every wrong setting", async () => {
    const run = launch({ SHOAL_PORT: "http", SHOAL_INFERENCE_PORT: "70000", SHOAL_PROVIDERS: "{" });
    expect(await run.ended).toEqual({ code: 1, signal: null });
    expect(run.output().split("\n")).toEqual([
      "SHOAL_PORT must be a port, 1 to 65535",
      "SHOAL_INFERENCE_PORT must be a port, 1 to 65535",
      "SHOAL_PROVIDERS is not valid JSON",
    ]);
  });

  it("reads .env where it is started, and lets the environment win", async () => {
    await writeFile(path.join(dir, ".env"), "SHOAL_PORT=first\nSHOAL_INFERENCE_PORT=second\n");
    const run = launch({ SHOAL_INFERENCE_PORT: "8788" }, dir);
    expect(await run.ended).toEqual({ code: 1, signal: null });
    expect(run.output()).toBe("SHOAL_PORT must be a port, 1 to 65535");
  });
});
