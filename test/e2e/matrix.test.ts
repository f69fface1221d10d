/** Every format with every worker's protocol, ability by ability. `npm run matrix` writes what passes as a table. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { APIError as AnthropicError } from "@anthropic-ai/sdk";
import { APIError as OpenaiError } from "openai";
import { afterAll, beforeAll, beforeEach, describe, expect, it, type TaskMeta } from "vitest";
import { type Clouds, startClouds } from "../support/clouds.ts";
import { type Format, formats } from "../support/formats.ts";
import { matrixSchema, writeMatrixPage } from "../support/matrix-table.ts";
import { startSystem, type System } from "../support/start.ts";
import type { Answer } from "../support/vendor-streams.ts";
import { startVendors, type Vendors } from "../support/vendors.ts";

declare module "vitest" {
  interface TaskMeta {
    /**
     * The cell of the table that the test fills. `refused`: by name, since the worker lacks the ability. `lost`: the
     * answer comes without.
     */
    cell?: {
      readonly worker: string;
      readonly format: string;
      readonly ability: string;
      readonly shows: "works" | "refused" | "lost";
    };
  }
}

type Script = Partial<Answer> & { readonly status?: number };

/** The vendors' side, whoever plays it. */
type Upstream = {
  script(script: Script): void;
  /** The body of the call that came `index`th. */
  body(index: number): string;
  problems(): readonly string[];
  reset(): void;
};

type Worker = {
  readonly name: string;
  readonly model: string;
  /** What its vendor signs thoughts with on loopback; null where the protocol has no signatures. */
  readonly proof: string | null;
  /** What a request may not have with this worker. */
  readonly lacks?: readonly string[];
  /** What does not come where the vendor is asked by Chat Completions, which has no field for it. */
  readonly lostInChat?: readonly string[];
};

const proofs = { openai: "gAAAAABnzNK-a1b2", anthropic: "EqQBCgIYAhIM1gbcDa9GJwZA2b3h", google: "CiQBjz1rX6Fq" };

const direct: readonly Worker[] = [
  { name: "OpenAI", model: "openai/gpt-6.1-sol", proof: proofs.openai, lostInChat: ["reasoning"] },
  { name: "Anthropic", model: "anthropic/claude-opus-5-5", proof: proofs.anthropic },
  { name: "Google", model: "google/gemini-3.6-flash", proof: proofs.google },
  { name: "compatible host", model: "host/model-x", proof: null },
];
const azureAndVertex: readonly Worker[] = [
  { name: "Azure OpenAI", model: "openai/gpt-6.1-sol", proof: proofs.openai, lostInChat: ["reasoning"] },
  {
    name: "Claude on Vertex AI",
    model: "anthropic/claude-opus-5-5",
    proof: proofs.anthropic,
    lacks: ["structured"],
  },
  { name: "Gemini on Vertex AI", model: "google/gemini-3.8-flash", proof: proofs.google },
];
const bedrock: readonly Worker[] = [
  {
    name: "Claude on Bedrock",
    model: "anthropic/claude-opus-5-5",
    proof: proofs.anthropic,
  },
];

const hostOf = (vendors: Vendors) => ({
  name: "host",
  base_url: vendors.openai.baseUrl.replace(/\/v1$/, "/host/v1"),
  api_key_env: "OPENAI_API_KEY",
  models: [
    {
      id: "model-x",
      context_tokens: 100_000,
      max_output_tokens: 10_000,
      price: { input: 1, output: 2 },
      abilities: ["tools", "tool_choice", "parallel_tool_calls", "vision", "json_object", "json_schema"],
      efforts: ["low", "medium", "high"],
    },
  ],
});

const playVendors = (vendors: Vendors): Upstream => ({
  script: (script) => vendors.script(script),
  body: (index) => JSON.stringify(vendors.calls()[index]?.body),
  problems: () => vendors.violations.map(({ problem }) => problem),
  reset: () => vendors.reset(),
});

const playClouds = (clouds: Clouds): Upstream => ({
  script: (script) => clouds.script(script),
  body: (index) => JSON.stringify(clouds.calls[index]?.body),
  problems: () => clouds.problems,
  reset: () => clouds.reset(),
});

const question = "How deep is the North Sea?";
const callOf = (sea: string) => ({ id: `theirs-${sea}`, name: "depth", arguments: ['{"sea":', `"${sea}"}`] });
const usage = { inputTokens: 100, cachedInputTokens: 40, outputTokens: 9, reasoningTokens: 4 };
const image = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
const schema = {
  type: "object",
  properties: { depth: { type: "number" } },
  required: ["depth"],
  additionalProperties: false,
};

type Place = { readonly format: Format; readonly worker: Worker; readonly upstream: Upstream };

/** What each ability promises, to a client and to the vendor. */
const abilities: Readonly<Record<string, (place: Place) => Promise<void>>> = {
  async text({ format, worker: { model }, upstream }) {
    upstream.script({ text: ["Because ", "of neighbors."] });
    const reply = await format.ask({ model, question });
    expect(reply).toMatchObject({ text: "Because of neighbors.", reasoning: "", calls: [] });
    expect(upstream.body(0)).toContain(question);
  },

  async stream({ format, worker: { model }, upstream }) {
    upstream.script({ text: ["one", " two", " three"], toolCalls: [callOf("north")] });
    const reply = await format.ask({ model, question, tool: true, stream: true });
    expect(reply).toMatchObject({
      pieces: ["one", " two", " three"],
      text: "one two three",
      calls: [{ arguments: { sea: "north" } }],
    });
  },

  async tools({ format, worker: { model }, upstream }) {
    upstream.script({ text: [], toolCalls: [callOf("north")] });
    const first = await format.ask({ model, question, tool: true });
    expect(first.calls).toMatchObject([{ arguments: { sea: "north" } }]);
    upstream.script({ text: [], toolCalls: [callOf("baltic")] });
    const second = await first.answerCalls(["95 m"]);
    expect(second.calls).toMatchObject([{ arguments: { sea: "baltic" } }]);
    upstream.script({ text: ["95 m and 55 m."] });
    const third = await second.answerCalls(["55 m"]);
    expect(third).toMatchObject({ text: "95 m and 55 m.", calls: [] });
    expect(upstream.body(2)).toMatch(/95 m.*55 m/);
  },

  async "parallel tools"({ format, worker: { model }, upstream }) {
    upstream.script({ text: [], toolCalls: [callOf("north"), callOf("baltic")] });
    const first = await format.ask({ model, question, tool: true });
    expect(first.calls.map((call) => call.arguments)).toEqual([{ sea: "north" }, { sea: "baltic" }]);
    expect(new Set(first.calls.map(({ id }) => id)).size).toBe(2);
    upstream.script({ text: ["95 m and 55 m."] });
    expect(await first.answerCalls(["95 m", "55 m"])).toMatchObject({ text: "95 m and 55 m." });
    expect(upstream.body(1)).toMatch(/95 m.*55 m/);
  },

  async structured({ format, worker: { model }, upstream }) {
    upstream.script({ text: ['{"depth":', "95}"] });
    const reply = await format.ask({ model, question, schema });
    expect(JSON.parse(reply.text)).toEqual({ depth: 95 });
    expect(upstream.body(0)).toContain(JSON.stringify(schema.properties));
  },

  async image({ format, worker: { model }, upstream }) {
    upstream.script({ text: ["A dot."] });
    expect(await format.ask({ model, question, image })).toMatchObject({ text: "A dot." });
    expect(upstream.body(0)).toContain(image);
  },

  async reasoning({ format, worker: { model }, upstream }) {
    upstream.script({ reasoning: ["Fish ", "see."], text: ["Because."] });
    const reply = await format.ask({ model, question, thinks: true });
    expect(reply).toMatchObject({ reasoning: "Fish see.", text: "Because." });
  },

  async signatures({ format, worker: { model, proof }, upstream }) {
    if (proof === null) throw new Error("the worker signs nothing");
    upstream.script({ reasoning: ["Fish ", "see."], text: [], toolCalls: [callOf("north")] });
    const first = await format.ask({ model, question, tool: true, thinks: true });
    upstream.script({ text: ["95 m."] });
    await first.answerCalls(["95 m"]);
    expect(upstream.body(1)).toContain(proof);
  },

  async usage({ format, worker: { model }, upstream }) {
    upstream.script({ usage });
    const reply = await format.ask({ model, question });
    expect(reply.usage).toEqual({ input: 100, cached: 40, output: 9, reasoning: 4 });
  },

  async errors({ format, worker: { model }, upstream }) {
    upstream.script({ status: 429 });
    const error = await failureOf(format.ask({ model, question }));
    expect(error).toMatchObject({ status: 429, type: "rate_limit_error" });
    expect(error.message).toContain("scripted error");
  },
};

const failureOf = async (asked: Promise<unknown>): Promise<OpenaiError | AnthropicError> => {
  const error = await asked.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof OpenaiError || error instanceof AnthropicError) return error;
  throw new Error("the SDK's own error was expected", { cause: error });
};

/** The names under which a format's clients know what is asked. */
const fieldNames: Readonly<Record<string, string>> = {
  "chat/completions": "response_format",
  responses: "text.format",
  messages: "output_config.format",
};

const isRefused = async ({ format, worker: { model }, upstream }: Place) => {
  const error = await failureOf(format.ask({ model, question, schema }));
  expect(error.status).toBe(400);
  expect(error.message).toContain(`'${fieldNames[format.name]}'`);
  expect(upstream.body(0)).toBeUndefined();
};

/** What is lost harms nothing else: the answer is there. */
const losses: Readonly<Record<string, (place: Place) => Promise<void>>> = {
  async reasoning({ format, worker: { model }, upstream }) {
    upstream.script({ reasoning: ["Fish ", "see."], text: ["Because."] });
    expect(await format.ask({ model, question, thinks: true })).toMatchObject({ reasoning: "", text: "Because." });
  },
};

type Cell = NonNullable<TaskMeta["cell"]>;

const proofOf = ({ ability, shows }: Cell) => {
  if (shows === "refused") return isRefused;
  return (shows === "lost" ? losses : abilities)[ability];
};

type Stage = { readonly upstream: Upstream; readonly system: System; readonly end: () => Promise<void> };

/** All that is tested below. */
const declared: Cell[] = [];

const testWorkers = (workers: readonly Worker[], set: () => Promise<Stage>) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await set();
  });
  afterAll(async () => {
    await stage?.system.stop();
    await stage?.end();
  });
  beforeEach(() => stage.upstream.reset());

  const cases = workers.flatMap((worker) => formats.map((format) => ({ worker, name: format.name, format })));
  describe.each(cases)("$worker.name through $name", ({ worker, name, format }) => {
    const place = (): Place => ({ worker, upstream: stage.upstream, format: format.speak(stage.system) });
    const showsOf = (ability: string): Cell["shows"] => {
      if (worker.lacks?.includes(ability)) return "refused";
      return name === "chat/completions" && worker.lostInChat?.includes(ability) ? "lost" : "works";
    };
    const cells = Object.keys(abilities)
      .filter((ability) => ability !== "signatures" || worker.proof !== null)
      .map((ability): Cell => ({ worker: worker.name, format: name, ability, shows: showsOf(ability) }));

    declared.push(...cells);

    it.for(cells)("$ability: $shows", async (cell, { task }) => {
      task.meta.cell = cell;
      const prove = proofOf(cell);
      if (!prove) throw new Error(`there is no proof that ${cell.ability} is ${cell.shows}`);
      await prove(place());
      expect(stage.upstream.problems()).toEqual([]);
    });
  });
};

describe("direct", () => {
  testWorkers(direct, async () => {
    const vendors = await startVendors();
    const system = await startSystem({
      env: { ...vendors.env, SHOAL_PROVIDERS: JSON.stringify([hostOf(vendors)]) },
    });
    return { system, upstream: playVendors(vendors), end: () => vendors[Symbol.asyncDispose]() };
  });
});

const onClouds = (envOf: (clouds: Clouds) => Readonly<Record<string, string>>) => async (): Promise<Stage> => {
  const clouds = await startClouds();
  const system = await startSystem({ env: envOf(clouds) });
  return { system, upstream: playClouds(clouds), end: () => clouds[Symbol.asyncDispose]() };
};

describe("azure and vertex", () => {
  testWorkers(
    azureAndVertex,
    onClouds(({ azure, vertex }) => ({ ...azure, ...vertex, SHOAL_REGION: "eu" })),
  );
});

describe("bedrock", () => {
  testWorkers(
    bedrock,
    onClouds((clouds) => clouds.bedrock),
  );
});

const read = (file: string) => readFile(path.join(import.meta.dirname, "..", "results", file), "utf8");

describe("the page of results", () => {
  it("shows these cells and no others", async () => {
    const cells = matrixSchema.parse(JSON.parse(await read("matrix.json")));
    expect(cells).toEqual(declared);
    expect(await read("matrix.md")).toBe(writeMatrixPage(cells));
  });
});
