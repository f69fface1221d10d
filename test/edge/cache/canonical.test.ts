import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalRequest, joinFields } from "../../../edge/cache/canonical.ts";
import type { AssistantPart, ChatRequest, Message, UserPart } from "../../../shared/chat.ts";
import { chatOf } from "../../support/events.ts";

const text = fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom("", "1:", '"', "\\", "\u{fffd}", "\ud800", "é"));
const optional = (name: string, value: fc.Arbitrary<unknown>) =>
  fc.option(value, { nil: undefined }).map((some) => (some === undefined ? {} : { [name]: some }));
const merge = (...parts: readonly fc.Arbitrary<object>[]) =>
  fc.tuple(...parts).map((some) => some.reduce<object>((all, part) => ({ ...all, ...part }), {}));

const userPart: fc.Arbitrary<UserPart> = fc.oneof(
  text.map((words) => ({ type: "text" as const, text: words })),
  text.map((url) => ({ type: "image" as const, source: { url } })),
  fc.tuple(text, text).map(([mediaType, base64]) => ({ type: "file" as const, mediaType, base64 })),
);
const assistantPart: fc.Arbitrary<AssistantPart> = fc.oneof(
  text.map((words) => ({ type: "text" as const, text: words })),
  text.map((words) => ({ type: "reasoning" as const, text: words })),
);
const message: fc.Arbitrary<Message> = fc.oneof(
  text.map((words) => ({ role: "system" as const, text: words })),
  fc.array(userPart, { maxLength: 3 }).map((content) => ({ role: "user" as const, content })),
  fc.array(assistantPart, { maxLength: 3 }).map((content) => ({ role: "assistant" as const, content })),
);
const sampling = merge(
  optional("temperature", fc.constantFrom(0, 0.5, 1)),
  optional("topP", fc.constantFrom(0.5, 1)),
  optional("seed", fc.integer({ min: 0, max: 9 })),
);
const chat: fc.Arbitrary<ChatRequest> = fc
  .tuple(
    fc.array(message, { maxLength: 4 }),
    sampling,
    fc.array(text, { maxLength: 2 }),
    merge(optional("maxOutputTokens", fc.integer({ min: 1, max: 9 })), optional("reasoningEffort", fc.constant("low"))),
  )
  .map(([messages, some, stop, rest]) => chatOf("", { messages, sampling: some, stop, ...rest }));

/** The same value with the fields of every object the other way round. */
const reversed = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([name, inner]) => [name, reversed(inner)]),
  );
};

const isSame = (a: unknown, b: unknown): boolean => {
  try {
    expect(a).toEqual(b);
    return true;
  } catch {
    return false;
  }
};

/** An answer with these fields. */
const withSchema = (names: readonly string[]) =>
  chatOf("Why?", {
    output: {
      type: "json_schema",
      name: "answer",
      schema: { type: "object", properties: Object.fromEntries(names.map((name) => [name, {}])) },
    },
  });

describe("a canonical request", () => {
  it("is the same in whatever order its fields were written", () => {
    fc.assert(
      fc.property(chat, (request) => {
        const turned: ChatRequest = JSON.parse(JSON.stringify(reversed(request)));
        expect(canonicalRequest(turned)).toBe(canonicalRequest(request));
      }),
    );
  });

  it("differs for requests that differ", () => {
    fc.assert(
      fc.property(chat, chat, (one, other) => {
        expect(canonicalRequest(one) === canonicalRequest(other)).toBe(isSame(one, other));
      }),
    );
  });

  it("tells neighbors apart: words moved from one message, part or stop sequence to the next", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 2, maxLength: 12 }), fc.nat(), fc.nat(), (words, first, second) => {
        const [here, there] = [first % (words.length + 1), second % (words.length + 1)];
        fc.pre(here !== there);
        const split = (at: number) => [words.slice(0, at), words.slice(at)];
        const inMessages = (at: number) =>
          chatOf("", { messages: split(at).map((part) => ({ role: "system", text: part })) });
        const inParts = (at: number) =>
          chatOf("", {
            messages: [{ role: "user", content: split(at).map((part) => ({ type: "text", text: part })) }],
          });
        const inStop = (at: number) => chatOf("", { stop: split(at) });
        for (const put of [inMessages, inParts, inStop]) {
          expect(canonicalRequest(put(here))).not.toBe(canonicalRequest(put(there)));
        }
      }),
    );
  });

  it("leaves out the model's name, the user, metadata and marks for vendors' caches", () => {
    const plain = chatOf("Why?");
    const marked = chatOf("Why?", {
      model: "fugu-mini",
      user: "u-1",
      metadata: { run: "7", shoal_plan: "true" },
      cacheHere: true,
      messages: [{ role: "user", content: [{ type: "text", text: "Why?", cacheHere: true }] }],
    });
    expect(canonicalRequest(marked)).toBe(canonicalRequest(plain));
  });

  it("leaves out the choice among tools that there are not", () => {
    const without = chatOf("Why?", { toolChoice: "none", parallelToolCalls: false });
    expect(canonicalRequest(without)).toBe(canonicalRequest(chatOf("Why?")));
  });

  it("keeps the order of a schema's fields, in which models write them", () => {
    expect(canonicalRequest(withSchema(["a", "b"]))).not.toBe(canonicalRequest(withSchema(["b", "a"])));
  });
});

describe("joined fields", () => {
  it("are the same only for the same list", () => {
    fc.assert(
      fc.property(fc.array(text, { maxLength: 4 }), fc.array(text, { maxLength: 4 }), (one, other) => {
        expect(joinFields(one) === joinFields(other)).toBe(isSame(one, other));
      }),
    );
  });

  it("tell neighbors apart wherever the boundary between them lies", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 30 }), (words) => {
        const joined = Array.from({ length: words.length + 1 }, (_, at) =>
          joinFields([words.slice(0, at), words.slice(at)]),
        );
        expect(new Set(joined).size).toBe(joined.length);
      }),
    );
  });
});
