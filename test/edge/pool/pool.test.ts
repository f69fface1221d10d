import { describe, expect, it } from "vitest";
import { createHealth } from "../../../edge/pool/health.ts";
import { choosePool, withoutDefaults, type PoolRequest } from "../../../edge/pool/pool.ts";
import { createCompatible } from "../../../edge/providers/openai-compatible.ts";
import type { DataRegion } from "../../../edge/providers/provider.ts";
import type { RosterEntry } from "../../../edge/pool/roster.ts";
import type { ChatRequest, Message } from "../../../shared/chat.ts";
import { countInput } from "../../../shared/tokens.ts";
import { abilities, type Ability, type WorkerCard } from "../../../shared/workers.ts";
import { cardOf, connection, entryOf, keyOf } from "../../support/edge.ts";
import { chatOf } from "../../support/events.ts";
import { createHandClock } from "../../support/hand-clock.ts";

const able = cardOf("north/able");
const without = (...lacking: readonly Ability[]) => abilities.filter((ability) => !lacking.includes(ability));
const plain = cardOf("north/plain", { abilities: [], efforts: [] });

const requestOf = (rest: Partial<PoolRequest> = {}): PoolRequest => {
  const chat = rest.chat ?? chatOf("hi");
  return {
    chat,
    choice: { kind: "tier", tier: "mini" },
    key: keyOf(),
    input: countInput(chat),
    ...rest,
  };
};

const setUp = () => ({ health: createHealth(), clock: createHandClock() });

const choose = (entries: readonly RosterEntry[], rest: Partial<PoolRequest> = {}, deps = setUp()) =>
  choosePool(entries, requestOf(rest), deps);
const idsOf = (cards: readonly WorkerCard[], rest: Partial<PoolRequest> = {}, deps = setUp()) => {
  const pool = choose(
    cards.map((card) => entryOf(card)),
    rest,
    deps,
  );
  return pool.ok ? pool.value.map(({ worker }) => worker.card.id) : pool.error;
};

const user = (content: Extract<Message, { role: "user" }>["content"]): Partial<ChatRequest> => ({
  messages: [{ role: "user", content }],
});
const tools = [{ name: "weather" }];
const image = { type: "image", source: { mediaType: "image/png", base64: "aW1n" } } as const;

const asks: readonly [Ability, string, Partial<ChatRequest>][] = [
  ["tools", "tools", { tools }],
  ["tool_choice", "tool_choice", { tools, toolChoice: "required" }],
  ["tool_choice", "tool_choice", { tools, toolChoice: { name: "weather" } }],
  ["parallel_tool_calls", "parallel_tool_calls", { tools, parallelToolCalls: false }],
  ["vision", "messages", user([image])],
  ["image_url", "messages", user([{ type: "image", source: { url: "https://example.com/a.png" } }])],
  ["file", "messages", user([{ type: "file", mediaType: "application/pdf", base64: "cGRm" }])],
  ["json_object", "response_format", { output: { type: "json_object" } }],
  ["json_schema", "response_format", { output: { type: "json_schema", name: "a", schema: {} } }],
  ["temperature", "temperature", { sampling: { temperature: 0 } }],
  ["top_p", "top_p", { sampling: { topP: 0.5 } }],
  ["frequency_penalty", "frequency_penalty", { sampling: { frequencyPenalty: 1 } }],
  ["presence_penalty", "presence_penalty", { sampling: { presencePenalty: -1 } }],
  ["seed", "seed", { sampling: { seed: 0 } }],
  ["stop", "stop", { stop: ["\n"] }],
  ["logprobs", "logprobs", { logprobs: { top: 0 } }],
  ["verbosity", "verbosity", { verbosity: "low" }],
];

describe("a request's parameters", () => {
  it.each(asks)("narrow the pool to workers with %s", (ability, _, ask) => {
    const lacking = cardOf("north/lacking", { abilities: without(ability) });
    expect(idsOf([lacking, able], { chat: chatOf("hi", ask) })).toEqual(["north/able"]);
  });

  it.each(asks)("are refused when nobody has %s, naming %s", (ability, param, ask) => {
    const lacking = cardOf("north/lacking", { abilities: without(ability) });
    expect(idsOf([lacking], { chat: chatOf("hi", ask) })).toMatchObject({ kind: "unsupported_parameter", param });
  });

  it.each(asks)("need %s of the provider as well", (ability, param, ask) => {
    const narrow = createCompatible({
      name: "narrow",
      needs: "",
      connect: () => connection,
      abilities: without(ability),
    });
    expect(choose([entryOf(able, narrow)], { chat: chatOf("hi", ask) })).toMatchObject({
      ok: false,
      error: { kind: "unsupported_parameter", param },
    });
  });

  it.each<[string, Partial<ChatRequest>]>([
    ["nothing but text", {}],
    ["a temperature of 1", { sampling: { temperature: 1 } }],
    ["a top_p of 1", { sampling: { topP: 1 } }],
    ["penalties of 0", { sampling: { frequencyPenalty: 0, presencePenalty: 0 } }],
    ["tools that are forbidden", { tools, toolChoice: "none" }],
    ["parallel tool calls", { parallelToolCalls: false }],
    ["text as output", { output: { type: "text" } }],
    ["no reasoning", { reasoningEffort: "none" }],
  ])("leave in a worker without abilities when they ask for %s", (_, ask) => {
    expect(idsOf([plain], { chat: chatOf("hi", ask) })).toEqual(["north/plain"]);
  });

  it("name the one that emptied the pool, when each alone could be had", () => {
    const seedless = cardOf("north/seedless", { abilities: without("seed") });
    const blind = cardOf("north/blind", { abilities: without("vision") });
    const chat = chatOf("hi", { ...user([image]), sampling: { seed: 1 } });
    expect(idsOf([seedless, blind], { chat })).toMatchObject({ kind: "unsupported_parameter", param: "seed" });
  });
});

describe("reasoning effort", () => {
  it("narrows the pool and is asked of every worker in it", () => {
    const pool = choose([entryOf(able), entryOf(plain)], { chat: chatOf("hi", { reasoningEffort: "high" }) });
    expect(pool).toMatchObject({
      ok: true,
      value: [{ worker: { card: { id: "north/able" }, reasoningEffort: "high" } }],
    });
    expect(pool).toHaveProperty("value.length", 1);
  });

  it("is refused when no worker takes it", () => {
    expect(idsOf([able], { chat: chatOf("hi", { reasoningEffort: "max" }) })).toMatchObject({
      kind: "unsupported_parameter",
      param: "reasoning_effort",
    });
  });

  it("in a worker's name goes before the parameter", () => {
    const choice = { kind: "worker", id: "north/able", effort: "low" } as const;
    const pool = choose([entryOf(able)], { choice, chat: chatOf("hi", { reasoningEffort: "high" }) });
    expect(pool).toMatchObject({ value: [{ worker: { reasoningEffort: "low" } }] });
  });

  it("in a worker's name is refused when that worker has no such effort", () => {
    const choice = { kind: "worker", id: "north/plain", effort: "high" } as const;
    expect(idsOf([able, plain], { choice })).toMatchObject({ kind: "unsupported_parameter", param: "model" });
  });
});

const at = (dataRegion: DataRegion) => ({ ...entryOf(able), connection: { ...connection, dataRegion } });

describe("the pool", () => {
  it("is empty only for want of a provider", () => {
    expect(idsOf([])).toMatchObject({ kind: "no_worker" });
  });

  it("is the one worker that the client names", () => {
    const choice = { kind: "worker", id: "north/plain", effort: null } as const;
    expect(idsOf([able, plain], { choice })).toEqual(["north/plain"]);
  });

  it("is what the key allows", () => {
    expect(idsOf([able, plain], { key: keyOf({ allowedWorkers: ["north/plain"] }) })).toEqual(["north/plain"]);
    expect(idsOf([able], { key: keyOf({ allowedWorkers: ["north/plain"] }) })).toMatchObject({ kind: "forbidden" });
  });

  it("is open to the names that the key may ask for, whatever their effort", () => {
    const key = keyOf({ allowedModels: ["shoal-mini", "north/able"] });
    const named = (model: string, id: string) =>
      idsOf([able, plain], { key, chat: chatOf("hi", { model }), choice: { kind: "worker", id, effort: null } });
    expect(idsOf([able, plain], { key, chat: chatOf("hi", { model: "shoal-mini" }) })).toHaveLength(2);
    expect(named("north/able@high", "north/able")).toEqual(["north/able"]);
    expect(named("north/plain", "north/plain")).toEqual({
      kind: "forbidden",
      message: "the key may not use the model 'north/plain'",
    });
  });

  it("is made and served by vendors that the key allows, elsewhere when the first may not serve it", () => {
    const south = createCompatible({ name: "south", needs: "", connect: () => connection });
    const entry = { ...entryOf(able), elsewhere: [entryOf(able, south)] };
    const servedBy = (vendors: readonly string[]) => {
      const pool = choose([entry], { key: keyOf({ allowedVendors: vendors }) });
      return pool.ok ? pool.value.map(({ provider }) => provider.name) : pool.error.kind;
    };
    expect(servedBy(["north", "south"])).toEqual(["north"]);
    expect(servedBy(["north"])).toEqual(["north"]);
    expect(servedBy(["south"])).toBe("forbidden");
    const elsewhere = {
      ...entryOf({ ...able, provider: "south" }),
      elsewhere: [entryOf({ ...able, provider: "south" }, south)],
    };
    expect(choose([elsewhere], { key: keyOf({ allowedVendors: ["south"] }) })).toMatchObject({
      ok: true,
      value: [{ provider: { name: "south" } }],
    });
  });

  it("is where the key lets prompts be processed", () => {
    const key = keyOf({ allowedDataRegions: ["eu"] });
    const providersOf = (entries: readonly RosterEntry[]) => {
      const pool = choose(entries, { key });
      return pool.ok ? pool.value.map((member) => member.connection.dataRegion) : pool.error;
    };
    expect(providersOf([{ ...at("global"), elsewhere: [at("us"), at("eu")] }])).toEqual(["eu"]);
    for (const entry of [at("us"), at("global"), entryOf(able)]) {
      expect(providersOf([entry])).toEqual({
        kind: "forbidden",
        message: "the key may use workers whose data region is eu, and no worker for this model has one of them",
      });
    }
  });

  it("has no worker of unknown price for a key with a budget", () => {
    const unpriced = cardOf("north/unpriced", { price: null });
    expect(idsOf([unpriced, able])).toEqual(["north/unpriced", "north/able"]);
    expect(idsOf([unpriced, able], { key: keyOf({ hasBudget: true }) })).toEqual(["north/able"]);
    expect(idsOf([unpriced], { key: keyOf({ hasBudget: true }) })).toMatchObject({ kind: "forbidden" });
  });

  it("has each worker at the price of the day", async () => {
    const rising = cardOf("north/rising", { priceChanges: [{ from: "2026-12-01", price: { input: 4, output: 8 } }] });
    const deps = setUp();
    const price = () => {
      const pool = choose([entryOf(rising)], {}, deps);
      return pool.ok ? pool.value[0]?.worker.card.price : null;
    };
    expect(price()).toEqual({ input: 1, output: 2 });
    await deps.clock.advance(Date.UTC(2026, 11, 1) - deps.clock.now());
    expect(price()).toEqual({ input: 4, output: 8 });
  });

  it("has only workers whose context holds the request", () => {
    const small = cardOf("north/small", { contextTokens: 100 });
    const chat = chatOf("word ".repeat(200));
    expect(idsOf([small, able], { chat })).toEqual(["north/able"]);
    expect(idsOf([small], { chat })).toMatchObject({ kind: "context_too_long", limitTokens: 100 });
  });

  it("leaves a worker that keeps failing at rest, unless nobody else is left", () => {
    const deps = setUp();
    for (let time = 0; time < 3; time += 1) deps.health.failed("north/able", deps.clock.now());
    expect(idsOf([able, plain], {}, deps)).toEqual(["north/plain"]);
    expect(idsOf([able], {}, deps)).toEqual(["north/able"]);
  });
});

describe("withoutDefaults", () => {
  const sampling = { temperature: 1, topP: 1, frequencyPenalty: 0, presencePenalty: 0 };

  it("leaves out what only repeats a default, where the worker would refuse it", () => {
    expect(withoutDefaults(chatOf("hi", { sampling }), plain).sampling).toEqual({});
  });

  it("passes everything on to a worker that takes it", () => {
    const asked = { ...sampling, temperature: 0, seed: 7 };
    expect(withoutDefaults(chatOf("hi", { sampling: asked }), able).sampling).toEqual(asked);
  });

  it("changes nothing else", () => {
    const chat = chatOf("hi", { stop: ["x"], reasoningEffort: "low", sampling: {} });
    expect(withoutDefaults(chat, plain)).toEqual(chat);
  });
});
