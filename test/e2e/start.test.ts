import { once } from "node:events";
import { readFile, rm, stat } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import OpenAI from "openai";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { childrenOf, stillRunning } from "../support/processes.ts";
import { freePorts, kill, launch, makeStateDir, startSystem, type SystemOptions } from "../support/start.ts";
import { startVendors } from "../support/vendors.ts";

const start = async (options: SystemOptions = {}) => {
  const system = await startSystem(options);
  onTestFinished(() => system[Symbol.asyncDispose]());
  return system;
};

const stateDir = async () => {
  const dir = await makeStateDir();
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
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

describe("npm start", () => {
  it("says where it is, with which key, who is in the pool and who is not", async () => {
    const system = await start();
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

  it("conducts the vendors whose keys are in the environment", async () => {
    const vendors = await startVendors();
    onTestFinished(() => vendors[Symbol.asyncDispose]());
    const system = await start({ env: vendors.env });
    expect(system.output()).not.toMatch(/^ {2}openai, /m);
    const client = new OpenAI({ baseURL: `${system.url}/v1`, apiKey: system.key, maxRetries: 0 });
    const stream = await client.chat.completions.create({
      model: "shoal-mini",
      stream: true,
      messages: [{ role: "user", content: "Why do shoals of fish turn together?" }],
    });
    const pieces: string[] = [];
    for await (const chunk of stream) pieces.push(chunk.choices[0]?.delta.content ?? "");
    expect(pieces.join("")).toBe("Fish turn together.");
    expect(vendors.calls()).toHaveLength(1);
    expect(vendors.violations).toEqual([]);
  });

  it("passes a stream on piece by piece", async () => {
    const vendors = await startVendors();
    onTestFinished(() => vendors[Symbol.asyncDispose]());
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    for (const name of ["openai", "anthropic", "google"] as const) {
      vendors[name].script({
        text: ["first", "last"],
        beforeChunk: (index) => (index === 0 ? Promise.resolve() : held),
      });
    }
    const system = await start({ env: vendors.env });
    const client = new OpenAI({ baseURL: `${system.url}/v1`, apiKey: system.key, maxRetries: 0 });
    const stream = await client.chat.completions.create({
      model: "shoal-mini",
      stream: true,
      messages: [{ role: "user", content: "Say two words." }],
    });
    const seen: string[] = [];
    for await (const chunk of stream) {
      const text = chunk.choices[0]?.delta.content ?? "";
      if (text === "") continue;
      seen.push(text);
      // The last piece exists only once the first has arrived.
      release();
    }
    expect(seen).toEqual(["first", "last"]);
  });

  it("keeps key and state over a restart", async () => {
    const dir = await stateDir();
    const first = await start({ stateDir: dir });
    await first.stop();
    const second = await start({ stateDir: dir });
    expect(second.key).toBe(first.key);
    expect((await listModels(second.url, first.key)).status).toBe(200);
  });

  it("takes the key from SHOAL_DEV_KEY", async () => {
    const system = await start({ env: { SHOAL_DEV_KEY: "sk-shoal-local-mine" } });
    expect(system.key).toBe("sk-shoal-local-mine");
    expect((await listModels(system.url, "sk-shoal-local-mine")).status).toBe(200);
  });

  it("keeps secrets from other users and from the process list", async () => {
    const dir = await stateDir();
    const system = await start({ stateDir: dir, env: { OPENAI_API_KEY: "sk-vendor-secret" } });
    const secrets = await readFile(path.join(dir, "secrets.json"), "utf8");
    expect((await stat(path.join(dir, "secrets.json"))).mode & 0o777).toBe(0o600);
    const config = await readFile(path.join(dir, "worker", "config.capnp"), "utf8");
    const commands = (await childrenOf(system.pid)).map((process) => process.command).join("\n");
    expect(commands).toContain("workerd");
    for (const secret of [system.key, "sk-vendor-secret"]) {
      expect(config).not.toContain(secret);
      expect(commands).not.toContain(secret);
    }
    expect(secrets).toContain(system.key);
    expect(secrets).not.toContain("sk-vendor-secret");
  });

  it("leaves no process and no listening port at SIGTERM", async () => {
    const system = await start();
    const children = await childrenOf(system.pid);
    expect(children.length).toBeGreaterThanOrEqual(2);
    expect(await system.stop()).toEqual({ code: 0, signal: null });
    await vi.waitFor(async () => expect(await stillRunning(children)).toEqual([]), within);
    await expect(fetch(`${system.url}/healthz`)).rejects.toThrow("fetch failed");
    await expect(fetch(`${system.inferenceUrl}/healthz`)).rejects.toThrow("fetch failed");
  });

  it("leaves no process when it is killed", async () => {
    const system = await start();
    const children = await childrenOf(system.pid);
    kill(system.pid, "SIGKILL");
    expect(await system.ended).toEqual({ code: null, signal: "SIGKILL" });
    await vi.waitFor(async () => expect(await stillRunning(children)).toEqual([]), within);
  });

  it("keeps the edge and starts the inference service again when that is killed", async () => {
    const system = await start();
    const inference = (await childrenOf(system.pid)).find(({ command }) => command.includes("inference/main.ts"));
    if (!inference) throw new Error("the inference service does not run");
    kill(inference.pid, "SIGKILL");
    await system.printed(/inference service ended \(SIGKILL\)/);
    expect((await listModels(system.url, system.key)).status).toBe(200);
    await vi.waitFor(async () => expect((await fetch(`${system.inferenceUrl}/readyz`)).status).toBe(200), within);
    expect((await listModels(system.url, system.key)).status).toBe(200);
  });

  it("ends with the last words of an edge that dies", async () => {
    const system = await start();
    const edge = (await childrenOf(system.pid)).find(({ command }) => command.includes("workerd"));
    if (!edge) throw new Error("the edge does not run");
    kill(edge.pid, "SIGKILL");
    expect(await system.ended).toEqual({ code: 1, signal: null });
    expect(system.output()).toContain("edge ended (SIGKILL)");
  });

  it.each(["SHOAL_PORT", "SHOAL_INFERENCE_PORT"])("starts nothing when %s is taken", async (name) => {
    const [port = 0, inferencePort = 0] = await freePorts(2);
    const dir = await stateDir();
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
});
