import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { clientsOf } from "../support/clients.ts";
import { frameworks } from "../support/frameworks.ts";
import { startSystem, type System } from "../support/start.ts";

let system: System;

/** One sequence, no queue: while the model writes for one, others are refused. */
const startWith = (env: Readonly<Record<string, string>>) => async () => {
  system = await startSystem({
    env: { SHOAL_CHAT_MODEL: "", SHOAL_CHAT_SEQUENCES: "1", SHOAL_CHAT_QUEUE: "0", ...env },
  });
  // The model is fetched at the first start of all.
  await vi.waitFor(say, { timeout: 170_000, interval: 200 });
};
const stop = () => system?.[Symbol.asyncDispose]();

const question = "Tell me a very long story of a fish, with many chapters.";

/** One word of the local model. */
const say = () => {
  const messages = [{ role: "user" as const, content: "Say hi." }];
  return clientsOf(system).openai.chat.completions.create({ model: "shoal-mini", max_tokens: 1, messages });
};

type Client = {
  readonly read: () => Promise<readonly string[]>;
  /** Reads a piece and goes. */
  readonly leave: () => Promise<void>;
};

const openai = (): Client => {
  const messages = [{ role: "user" as const, content: question }];
  const open = () => clientsOf(system).openai.chat.completions.create({ model: "shoal-mini", stream: true, messages });
  return {
    read: async () => Array.fromAsync(await open(), (chunk) => chunk.choices[0]?.delta.content ?? ""),
    async leave() {
      for await (const chunk of await open()) if (chunk.choices[0]?.delta.content) break;
    },
  };
};

const anthropic = (): Client => {
  const messages = [{ role: "user" as const, content: question }];
  const open = () => clientsOf(system).anthropic.messages.stream({ model: "shoal-mini", max_tokens: 2000, messages });
  return {
    read: async () => [await open().finalText()],
    async leave() {
      for await (const event of open()) if (event.type === "content_block_delta") break;
    },
  };
};

const cases: readonly (readonly [string, () => Client])[] = [
  ["openai", openai],
  ["@anthropic-ai/sdk", anthropic],
  ...frameworks.map((framework) => {
    const made = () => framework({ url: system.url, key: system.key, model: "shoal-mini" });
    const client = () => ({ read: () => made().read(question), leave: () => made().leave(question) });
    return [framework({ url: "http://127.0.0.1", key: "none", model: "none" }).name, client] as const;
  }),
];

describe("the local model with a small cap", () => {
  beforeAll(startWith({ SHOAL_MAX_OUTPUT_TOKENS: "16" }));
  afterAll(stop);

  it.each(cases)("gives %s its text", async (_, make) => {
    expect((await make().read()).join("").trim()).not.toBe("");
  });
});

describe("the local model without a cap", () => {
  beforeAll(startWith({}));
  afterAll(stop);

  it.each(cases)("stops writing when %s leaves", async (_, make) => {
    // Some libraries end a stream that is left with an error.
    await make()
      .leave()
      .catch(() => null);
    await vi.waitFor(async () => expect((await say()).choices).toHaveLength(1), { timeout: 20_000, interval: 100 });
  });
});
