import { beforeEach, describe, expect, it } from "vitest";
import { clientsOf } from "../support/clients.ts";
import { systemUnderTest } from "../support/system-under-test.ts";

const { vendors, system, openai, request } = systemUnderTest();
beforeEach(() => vendors.script({ text: ["Because."] }));

const question = [{ role: "user" as const, content: "Write a short essay on why fish swim in shoals." }];
const embedder = "all-minilm-l6-v2";

const failureOf = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(() => null).catch((error: unknown) => error);

const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, x, index) => sum + x * (b[index] ?? 0), 0);

describe("embeddings", () => {
  it("are vectors of length 1, alike for texts that are", async () => {
    const { data, model, usage } = await openai.embeddings.create({
      model: embedder,
      input: ["a shoal of herring", "a school of fish", "quarterly tax return"],
      encoding_format: "float",
    });
    const [herring = [], fish = [], tax = []] = data.map(({ embedding }) => embedding);
    expect(model).toBe(embedder);
    expect(herring).toHaveLength(384);
    expect(dot(herring, herring)).toBeCloseTo(1, 3);
    expect(dot(herring, fish)).toBeGreaterThan(dot(herring, tax));
    expect(usage.prompt_tokens).toBeGreaterThan(5);
    expect(vendors.calls()).toEqual([]);
  });

  it("are the same numbers as base64, which the official client asks for by itself", async () => {
    const [floats, packed] = await Promise.all([
      openai.embeddings.create({ model: embedder, input: "a shoal", encoding_format: "float" }),
      openai.embeddings.create({ model: embedder, input: "a shoal" }),
    ]);
    const [one = [], other = []] = [floats.data[0]?.embedding, packed.data[0]?.embedding];
    expect(other).toHaveLength(384);
    other.forEach((value, index) => expect(value).toBeCloseTo(one[index] ?? Number.NaN, 5));
  });

  it.each<[string, object, number, string]>([
    ["tokens", { input: [[1, 2]] }, 400, "input[0]"],
    ["other dimensions", { input: "a", dimensions: 256 }, 400, "dimensions"],
    ["no text", { input: "" }, 400, "input"],
    ["a text that does not fit", { input: ["a", "fish ".repeat(600)] }, 400, "input[1]"],
    ["another model", { input: "a", model: "text-embedding-3-small" }, 404, "model"],
  ])("are refused for %s", async (_, body, status, param) => {
    const response = await request("/v1/embeddings", { body: { model: embedder, ...body } });
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ error: { param, type: "invalid_request_error" } });
  });

  it("need a key", async () => {
    const stranger = clientsOf({ url: system.url, key: "nonsense" }).openai;
    expect(await failureOf(stranger.embeddings.create({ model: embedder, input: "a" }))).toMatchObject({ status: 401 });
  });
});

describe("models", () => {
  it("are read one by one, by every name in the list", async () => {
    for (const model of (await openai.models.list()).data)
      expect(await openai.models.retrieve(model.id)).toEqual(model);
  });

  it("are read by a name with a slash that is not encoded", async () => {
    const response = await request("/v1/models/openai/gpt-5.4");
    expect(await response.json()).toMatchObject({
      id: "openai/gpt-5.4",
      price: { input: 2.5 },
      context_window: 1050000,
    });
  });

  it("that do not exist are told from those that were retired", async () => {
    expect(await failureOf(openai.models.retrieve("shoal-mni"))).toMatchObject({
      status: 404,
      message: expect.stringContaining("'shoal-mini'"),
    });
    const asked = openai.chat.completions.create({ model: "anthropic/claude-sonnet-4", messages: question });
    expect(await failureOf(asked)).toMatchObject({
      status: 410,
      code: "model_retired",
      message: expect.stringContaining("'anthropic/claude-sonnet-4-6'"),
    });
    expect(vendors.calls()).toEqual([]);
  });

  it("pinned to the day of their weights answer under that name", async () => {
    const pin = (await openai.models.list()).data.find(({ id }) => /^shoal-mini-\d{4}-\d\d-\d\d$/.test(id))?.id ?? "";
    const { model } = await openai.chat.completions.create({ model: pin, messages: question });
    expect(model).toBe(pin);
    const other = openai.chat.completions.create({ model: "shoal-mini-2020-01-01", messages: question });
    expect(await failureOf(other)).toMatchObject({ status: 404, message: expect.stringContaining(pin) });
  });
});

describe("log probabilities", () => {
  it("are asked of workers that give them, and of no team", async () => {
    const { response } = await openai.chat.completions
      .create({
        model: "shoal-ultra",
        messages: [{ role: "user", content: "What is 12 * 12? Give the final answer as a number." }],
        logprobs: true,
        top_logprobs: 2,
      })
      .withResponse();
    expect(response.headers.get("x-shoal-plan")).not.toMatch(/^ballot/);
    expect(vendors.calls().map(({ body }) => body)).toContainEqual(
      expect.objectContaining({ logprobs: true, top_logprobs: 2 }),
    );
    expect(vendors.violations).toEqual([]);
  });

  it("are refused by name when the worker gives none", async () => {
    const asked = openai.chat.completions.create({
      model: "google/gemini-4-argon",
      messages: question,
      logprobs: true,
    });
    expect(await failureOf(asked)).toMatchObject({ status: 400, code: "unsupported_parameter", param: "logprobs" });
  });
});

describe("how an answer came about", () => {
  const metadata = { shoal_plan: "true", shoal_progress: "true" };

  it("goes with it when asked", async () => {
    const answer = await openai.chat.completions.create({ model: "shoal-ultra", messages: question, metadata });
    const steps = vendors.calls().map(() => expect.objectContaining({ outcome: "done", input_tokens: 20 }));
    expect(answer).toMatchObject({ shoal: { plan: { kind: "workflow", source: "conductor" }, steps } });
    expect(steps.length).toBeGreaterThanOrEqual(3);
  });

  it("is told as thoughts while a team works, and whole at the end", async () => {
    const stream = await openai.chat.completions.create({
      model: "shoal-ultra",
      messages: question,
      metadata,
      stream: true,
    });
    const chunks = await Array.fromAsync(stream);
    const deltas = chunks.map((chunk): object => chunk.choices[0]?.delta ?? {});
    const thoughts = deltas.flatMap((delta) => ("reasoning_content" in delta ? [delta.reasoning_content] : []));
    expect(thoughts).toHaveLength(2 * vendors.calls().length - 1);
    expect(thoughts.at(-1)).toMatch(/^\S+ is judging\.\n$/);
    expect(chunks.at(-1)).toMatchObject({ choices: [], shoal: { plan: { kind: "workflow" } } });
  });

  it("goes with a response too, whole and streamed", async () => {
    const asked = { model: "shoal-ultra", input: question, metadata } as const;
    const shoal = {
      plan: { kind: "workflow" },
      steps: expect.arrayContaining([expect.objectContaining({ role: "judge" })]),
    };
    expect(await openai.responses.create(asked)).toMatchObject({ shoal });
    const events = await Array.fromAsync(await openai.responses.create({ ...asked, stream: true }));
    expect(events.at(-1)).toMatchObject({ type: "response.completed", response: { shoal } });
  });

  it("is left out otherwise", async () => {
    const answer = await openai.chat.completions.create({ model: "shoal-mini", messages: question });
    expect(answer).not.toHaveProperty("shoal");
  });
});
