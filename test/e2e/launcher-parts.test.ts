import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import * as z from "zod";
import { createChildren } from "../../edge/local/children.ts";
import { hasProvider } from "../../edge/local/environment.ts";
import { edgeUrl, startEdge } from "../../edge/local/edge-process.ts";
import { prepare } from "../../edge/local/prepare.ts";
import { whenReady } from "../../edge/local/readiness.ts";
import { readStarts } from "../../edge/local/regions.ts";
import { keepSecrets } from "../../edge/local/secrets.ts";
import { readSettings } from "../../edge/local/settings.ts";
import { createTerminal } from "../../edge/local/terminal.ts";
import { readWorkerConfig } from "../../edge/local/worker-config.ts";
import { writeWorkerdConfig } from "../../edge/local/workerd-config.ts";
import { freePorts } from "../support/start.ts";

const makeDir = async () => {
  const dir = await mkdtemp(path.join(tmpdir(), "shoal-"));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
};

const wranglerToml = `
name = "w"
main = "index.js"
compatibility_date = "2026-11-17"
[vars]
AWKWARD = "quote \\" backslash \\\\ \\\\u0041 tab \\t newline \\n umlaut ü fish 🐟"
SHADOWED = "from the file"
NUMBER = 7
NESTED = { list = [1, "two"] }
[[durable_objects.bindings]]
name = "COUNTER"
class_name = "Counter"
[[migrations]]
tag = "v1"
new_sqlite_classes = ["Counter"]
`;

const worker = `
import { DurableObject } from "cloudflare:workers";
export class Counter extends DurableObject {
  rows() { return this.ctx.storage.sql.exec("select 1 as one").toArray(); }
}
export default {
  async fetch(request, { COUNTER, ...variables }) {
    return Response.json({ ...variables, rows: await COUNTER.getByName("a").rows() });
  },
};
`;

/** Counts its own requests, and in its object those of all isolates. */
const counting = `
import { DurableObject } from "cloudflare:workers";
export class Counter extends DurableObject {
  count = 0;
  next() { return ++this.count; }
}
let own = 0;
export default {
  async fetch(request, { COUNTER }) {
    return Response.json([++own, await COUNTER.getByName("a").next()]);
  },
};
`;

/** Runs a Worker as the launcher does; gives its address. */
const runWorker = async (code: string, isolates?: number): Promise<string> => {
  const dir = await makeDir();
  await mkdir(path.join(dir, "state"));
  await writeFile(path.join(dir, "wrangler.toml"), wranglerToml);
  await writeFile(path.join(dir, "index.js"), code);
  const config = await readWorkerConfig(path.join(dir, "wrangler.toml"));
  if (!config.ok) throw new Error(config.error);
  const configFile = path.join(dir, "config.capnp");
  const files = { bundle: "index.js", storage: path.join(dir, "state") };
  await writeFile(configFile, writeWorkerdConfig(config.value, files, ["SHADOWED"], isolates));

  const [port = 0] = await freePorts(1);
  const children = createChildren(() => {});
  onTestFinished(() => children.stop(1000));
  const edge = startEdge(children, { port, configFile, env: { SHADOWED: "from the environment" } });
  const ready = await whenReady(edge, { url: edgeUrl(port), authorization: "" }, { fetch, timeoutMs: 10_000 });
  expect(ready).toEqual({ ok: true, value: null });
  return edgeUrl(port);
};

describe("the workerd configuration", () => {
  it("gives requests to several isolates in turn, which share their objects", async () => {
    const url = await runWorker(counting, 2);
    const seen: unknown[] = [];
    for (let request = 0; request < 4; request += 1) seen.push(await (await fetch(url)).json());
    const [own, all] = [0, 1].map((at) =>
      z
        .array(z.array(z.number()))
        .parse(seen)
        .map((pair) => pair[at] ?? 0),
    );
    const [start = 0] = all ?? [];
    expect(all).toEqual([start, start + 1, start + 2, start + 3]);
    // Each has had half of them.
    expect((own?.[2] ?? 0) - (own?.[0] ?? 0)).toBe(1);
    expect((own?.[3] ?? 0) - (own?.[1] ?? 0)).toBe(1);
  });

  it("gives the Worker what wrangler.toml says, and the environment above it", async () => {
    const url = await runWorker(worker);
    expect(await (await fetch(url)).json()).toEqual({
      AWKWARD: 'quote " backslash \\ \\u0041 tab \t newline \n umlaut ü fish 🐟',
      SHADOWED: "from the environment",
      NUMBER: 7,
      NESTED: { list: [1, "two"] },
      rows: [{ one: 1 }],
    });
  });

  it("refuses a binding that the local start would leave out", async () => {
    const dir = await makeDir();
    const file = path.join(dir, "wrangler.toml");
    await writeFile(file, `${wranglerToml}\n[[kv_namespaces]]\nbinding = "KV"\nid = "1"\n`);
    const config = await readWorkerConfig(file);
    expect(config.ok ? "" : config.error).toContain("kv_namespaces");
  });
});

/** A checkout with nothing but this wrangler.toml and its Worker, and an empty folder to start it from. */
const makeCheckout = async (toml: string) => {
  const root = await makeDir();
  await writeFile(path.join(root, "wrangler.toml"), toml);
  await writeFile(path.join(root, "index.js"), "export default {};");
  return { root, cwd: await makeDir() };
};

const regionalToml = (vars: string) => `
name = "w"
main = "index.js"
compatibility_date = "2026-11-17"
[vars]
ABOVE = "not inherited"
[env.eu.vars]
${vars}
[env.eu.secrets]
required = ["KEY_SECRET", "ADMIN_KEY"]
`;

const random = (bytes: number) => "0".repeat(bytes * 2);

const prepareEu = async (toml: string) => {
  const { root, cwd } = await makeCheckout(toml);
  const [port = 0, inferencePort = 0] = await freePorts(2);
  await writeFile(path.join(cwd, ".env.eu"), "OPENAI_API_KEY=eu-key\nSHOAL_REGION=us\n");
  const env = {
    SHOAL_REGIONS: "eu",
    SHOAL_PORT: String(port),
    SHOAL_INFERENCE_PORT: String(inferencePort),
    OPENAI_API_KEY: "everyone's",
  };
  return { prepared: await prepare({ root, cwd, env, random }), cwd, port };
};

describe("a region's start", () => {
  it("has its section of wrangler.toml, its own file and its own folder", async () => {
    const { prepared, cwd, port } = await prepareEu(
      regionalToml(`SHOAL_REGION = "eu"\nSHOAL_JURISDICTION = "eu"\nFISH = "cod"`),
    );
    if (!prepared.ok) throw new Error(prepared.error);
    expect(prepared.value.unused).toEqual(["OPENAI_API_KEY"]);
    const [eu] = prepared.value.systems;
    expect(eu?.worker).toMatchObject({
      OPENAI_API_KEY: "eu-key",
      SHOAL_REGION: "eu",
      PUBLIC_HOSTS: `eu=http://127.0.0.1:${port}`,
    });
    expect(eu?.key).toMatch(/^sk-shoal-eu-local-[0-9a-f]{8}-[0-9a-f]{48}$/);
    expect(eu?.configFile).toBe(path.join(cwd, ".shoal", "eu", "worker", "config.capnp"));
    const config = await readFile(eu?.configFile ?? "", "utf8");
    expect(config).toContain('name = "FISH", text = "cod"');
    for (const absent of ["ABOVE", "SHOAL_JURISDICTION", "eu-key"]) expect(config).not.toContain(absent);
  });

  it.each([
    ["another region's name", regionalToml(`SHOAL_REGION = "us"`), "SHOAL_REGION of the environment 'eu' must be 'eu'"],
    ["no such environment", wranglerToml, "has no environment 'eu'"],
    [
      "a secret that nobody has",
      regionalToml(`SHOAL_REGION = "eu"`).replace('"ADMIN_KEY"', '"ADMIN_KEY", "FISH_SECRET"'),
      "requires secrets that are not set: FISH_SECRET",
    ],
    [
      "a binding that the local start lacks",
      `${regionalToml(`SHOAL_REGION = "eu"`)}[[env.eu.kv_namespaces]]\nbinding = "KV"\nid = "1"\n`,
      "kv_namespaces",
    ],
  ])("fails where wrangler.toml has %s", async (_, toml, message) => {
    const { prepared } = await prepareEu(toml);
    expect(prepared.ok ? "" : prepared.error).toMatch(/^eu: /);
    expect(prepared.ok ? "" : prepared.error).toContain(message);
  });

  it("counts ports up from region to region, and shares nothing that is the Worker's", async () => {
    const env = { SHOAL_REGIONS: "us, eu", SHOAL_PORT: "9000", KEY_SECRET: "shared", PATH: "/bin" };
    const read = await readStarts(env, await makeDir());
    if (!read.ok) throw new Error(read.error);
    expect(read.value.unused).toEqual(["KEY_SECRET"]);
    expect(read.value.starts).toMatchObject([
      { region: "us", env: { SHOAL_PORT: "9000", SHOAL_INFERENCE_PORT: "8788", SHOAL_STATE_DIR: ".shoal/us" } },
      { region: "eu", env: { SHOAL_PORT: "9010", SHOAL_INFERENCE_PORT: "8798", SHOAL_STATE_DIR: ".shoal/eu" } },
    ]);
    for (const start of read.value.starts) expect(start.env).not.toHaveProperty("KEY_SECRET");
  });

  it.each([
    ["us,us", "names a region twice"],
    ["us,../eu", "'../eu' is no region"],
  ])("is refused for the regions %s", async (regions, message) => {
    const read = await readStarts({ SHOAL_REGIONS: regions }, "/");
    expect(read.ok ? "" : read.error).toContain(message);
  });

  it("needs ports of its own", async () => {
    const { root, cwd } = await makeCheckout(wranglerToml);
    await writeFile(path.join(cwd, ".env.eu"), "SHOAL_PORT=8787\n");
    const prepared = await prepare({ root, cwd, env: { SHOAL_REGIONS: "us,eu" }, random });
    expect(prepared.ok ? "" : prepared.error).toContain(
      "SHOAL_PORT in .env.us and SHOAL_PORT in .env.eu must differ: both are 8787",
    );
  });
});

describe("a child that ends before it is ready", () => {
  it("is reported with its last words", async () => {
    const children = createChildren(() => {});
    onTestFinished(() => children.stop(1000));
    const child = children.start({
      name: "child",
      file: process.execPath,
      args: ["--eval", "console.error('out of fish'); process.exit(3)"],
      env: {},
    });
    const request = { url: "http://127.0.0.1:9", authorization: "" };
    const ready = await whenReady(child, request, { fetch, timeoutMs: 10_000 });
    expect(ready).toEqual({ ok: false, error: "child ended (exit code 3); its last lines:\n  out of fish" });
  });
});

describe("the secrets' file", () => {
  it("is left alone when it cannot be read as secrets", async () => {
    const dir = await makeDir();
    await writeFile(path.join(dir, "secrets.json"), '{"KEY_SECRET":"short"}');
    const secrets = await keepSecrets(dir, null, () => "f".repeat(64));
    expect(secrets.ok ? "" : secrets.error).toContain("does not hold this machine's secrets");
  });
});

const download = (doneBytes: number) =>
  JSON.stringify({ time: "now", event: "chat-model-download", doneBytes, totalBytes: 90_000_000 });
const record = (isTTY: boolean) => {
  const written: string[] = [];
  return { written, terminal: createTerminal({ isTTY, write: (text) => written.push(text) }) };
};

describe("the terminal", () => {
  it("draws one bar and keeps it below what is printed", () => {
    const { written, terminal } = record(true);
    terminal.printFrom("inference", download(45_000_000));
    terminal.print("hello");
    terminal.printFrom("inference", download(90_000_000));
    const bar = `local chat model [${"#".repeat(15)}${".".repeat(15)}] 45 of 90 MB`;
    expect(written).toEqual([bar, `\r\u001B[2Khello\n${bar}`, "\r\u001B[2K"]);
  });

  it("writes plain lines where it is no terminal", () => {
    const { written, terminal } = record(false);
    terminal.printFrom("inference", download(45_000_000));
    terminal.printFrom("edge", "as it is");
    expect(written).toEqual([
      "[inference] chat-model-download doneBytes=45000000 totalBytes=90000000\n",
      "[edge] as it is\n",
    ]);
  });
});

const split = (env: Record<string, string>) => {
  const settings = readSettings(env, "/");
  if (!settings.ok) throw new Error(settings.error);
  return settings.value;
};

describe("the environment", () => {
  it("gives what clouds need to the Worker, and none of it to the inference service", () => {
    const clouds = {
      AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
      AWS_SECRET_ACCESS_KEY: "secret",
      AZURE_OPENAI_ENDPOINT: "https://fish.openai.azure.com",
      BEDROCK_REGION: "eu-west-1",
      VERTEX_CREDENTIALS: "{}",
    };
    const settings = split({ ...clouds, PATH: "/bin" });
    expect(settings.worker).toEqual(clouds);
    expect(Object.keys(settings.inference).toSorted()).toEqual(["PATH", "SHOAL_MODELS_DIR"]);
  });

  it("takes keys of AWS for a provider only with a region to use them in", () => {
    const keys = { AWS_ACCESS_KEY_ID: "AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY: "secret" };
    expect(hasProvider(split(keys).worker)).toBe(false);
    expect(hasProvider(split({ ...keys, BEDROCK_REGION: "eu-west-1" }).worker)).toBe(true);
  });
});
