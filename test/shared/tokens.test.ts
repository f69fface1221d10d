import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Message } from "../../shared/chat.ts";
import { boundInput, boundOutput, countInput } from "../../shared/tokens.ts";
import { chatOf } from "../support/events.ts";

const boundOfChat = (messages: readonly Message[], rest: Parameters<typeof chatOf>[1] = {}) =>
  countInput(chatOf("", { messages, ...rest })).bound;
const bytesOf = (text: string) => new TextEncoder().encode(text).length;

const image = (base64: string): Message => ({
  role: "user",
  content: [{ type: "image", source: { mediaType: "image/png", base64 } }],
});

describe("countInput", () => {
  it("bounds a text by its bytes and what a template adds", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "grapheme" }), { minLength: 1, maxLength: 5 }), (texts) => {
        const messages = texts.map((text): Message => ({ role: "user", content: [{ type: "text", text }] }));
        const bytes = texts.reduce((sum, text) => sum + bytesOf(text), 0);
        // ChatML spends four tokens around a message and three before the answer.
        expect(boundOfChat(messages)).toBeGreaterThanOrEqual(bytes + 4 * texts.length + 3);
      }),
    );
  });

  it("is never below its own likely count", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 500 }), (text) => {
        const { likely, bound } = countInput(chatOf(text));
        expect(likely).toBeLessThanOrEqual(bound);
      }),
    );
  });

  it("likely counts English at about four characters a token", () => {
    const text = "The quick brown fox jumps over the lazy dog. ".repeat(20);
    const { likely } = countInput(chatOf(text));
    expect(likely).toBeGreaterThan(180);
    expect(likely).toBeLessThan(260);
  });

  it("counts an image by what vendors charge, not by its bytes", () => {
    const small = boundOfChat([image("aW1n")]);
    // The dearest vendor counts 14,364 tokens for a photograph of 12 megapixels.
    expect(small).toBeGreaterThanOrEqual(14_364);
    expect(boundOfChat([image("aW1n".repeat(100_000))])).toBe(small);
  });

  it("counts an image at one worker by that worker's card", () => {
    const input = countInput(chatOf("", { messages: [image("aW1n"), image("aW1n")] }));
    const boundAt = (imageTokens: number) => boundInput(input, { imageTokens, contextTokens: 1_000_000 });
    expect(boundAt(1_120)).toBe(boundAt(1) - 2 + 2 * 1_120);
    expect(boundInput(input, { contextTokens: 1_000_000 })).toBe(input.bound);
  });

  it("never counts more than fits the worker: its vendor refuses the rest", () => {
    const { bound, images } = countInput(chatOf("魚".repeat(100_000)));
    expect(bound).toBeGreaterThan(300_000);
    expect(boundInput({ bound, images }, { contextTokens: 128_000 })).toBe(128_000);
  });

  it("counts files, tool definitions and schemas", () => {
    const plain = boundOfChat([]);
    const file: Message = {
      role: "user",
      content: [{ type: "file", mediaType: "application/pdf", base64: "YQ==".repeat(300) }],
    };
    expect(boundOfChat([file])).toBeGreaterThanOrEqual(plain + 900);
    const parameters = { type: "object", properties: { city: { type: "string" } } };
    const offered = boundOfChat([], { tools: [{ name: "weather", parameters }] });
    // Some vendors put words of their own before tools: 530 tokens at most by their tables.
    expect(offered).toBeGreaterThanOrEqual(plain + JSON.stringify(parameters).length + 530);
    const structured = boundOfChat([], { output: { type: "json_schema", name: "weather", schema: parameters } });
    expect(structured).toBeGreaterThanOrEqual(plain + JSON.stringify(parameters).length);
  });

  it("counts every call of a turn with many", () => {
    const calls = Array.from({ length: 50 }, (_, at) => ({
      type: "tool-call" as const,
      id: `call_${at}`,
      name: "f",
      arguments: "{}",
    }));
    // A call is written with its name, its arguments and about eight tokens around them.
    expect(boundOfChat([{ role: "assistant", content: calls }])).toBeGreaterThanOrEqual(50 * 11);
  });

  it("counts a user's name", () => {
    const user: Message = { role: "user", content: [{ type: "text", text: "hi" }] };
    expect(boundOfChat([{ ...user, name: "n".repeat(100) }])).toBeGreaterThanOrEqual(boundOfChat([user]) + 100);
  });
});

describe("boundOutput", () => {
  it("is at least one token a byte", () => {
    expect(boundOutput("Hello")).toBe(5);
    expect(boundOutput("🐟")).toBe(4);
    expect(boundOutput("")).toBe(0);
  });
});
