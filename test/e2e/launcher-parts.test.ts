import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { createChildren } from "../../edge/local/children.ts";
import { hasProvider } from "../../edge/local/environment.ts";
import { edgeUrl, startEdge } from "../../edge/local/edge-process.ts";
import { whenReady } from "../../edge/local/readiness.ts";
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

describe("the workerd configuration", () => {
  it("gives the Worker what wrangler.toml says, and the environment above it", async () => {
    const dir = await makeDir();
    await mkdir(path.join(dir, "state"));
    await writeFile(path.join(dir, "wrangler.toml"), wranglerToml);
    await writeFile(path.join(dir, "index.js"), worker);
    const config = await readWorkerConfig(path.join(dir, "wrangler.toml"));
    if (!config.ok) throw new Error(config.error);
    const configFile = path.join(dir, "config.capnp");
    const files = { bundle: "index.js", storage: path.join(dir, "state") };
    await writeFile(configFile, writeWorkerdConfig(config.value, files, ["SHADOWED"]));

    const [port = 0] = await freePorts(1);
    const children = createChildren(() => {});
    onTestFinished(() => children.stop(1000));
    const edge = startEdge(children, { port, configFile, env: { SHADOWED: "from the environment" } });
    const ready = await whenReady(edge, { url: edgeUrl(port), authorization: "" }, { fetch, timeoutMs: 10_000 });
    expect(ready).toEqual({ ok: true, value: null });
    expect(await (await fetch(edgeUrl(port))).json()).toEqual({
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
