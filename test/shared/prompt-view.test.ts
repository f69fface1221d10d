import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cutTokens, promptView, viewOf, viewText } from "../../shared/prompt-view.ts";

describe("promptView", () => {
  it("keeps the system prompt's head and the last user turn", () => {
    const view = promptView({
      messages: [
        { role: "system", text: "Be brief." },
        { role: "user", content: [{ type: "text", text: "first" }] },
        { role: "assistant", content: [{ type: "text", text: "answer" }] },
        { role: "user", content: [{ type: "text", text: "second   question\n\n  indented" }] },
      ],
    });
    expect(view).toEqual({ system: "Be brief.", head: "second question\nindented", tail: "" });
    expect(viewText(view)).toBe("Be brief.\nsecond question\nindented");
  });

  it("keeps both ends of a long prompt", () => {
    const view = viewOf("", `START ${"x ".repeat(50_000)} END`);
    expect(view.head.startsWith("START")).toBe(true);
    expect(view.tail.endsWith("END")).toBe(true);
    expect(viewText(view).length).toBeLessThanOrEqual(2001);
  });

  it("never splits a surrogate pair", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("a", "😀", " ", "\n"), maxLength: 4000, size: "max" }), (text) => {
        const view = viewOf(text, text);
        for (const part of [view.system, view.head, view.tail]) expect(part.isWellFormed()).toBe(true);
      }),
    );
  });
});

describe("cutTokens", () => {
  it("keeps a short text whole and both ends of a long one", () => {
    const tokens = Array.from({ length: 400 }, (_, at) => at);
    expect(cutTokens(tokens.slice(0, 192))).toHaveLength(192);
    expect(cutTokens(tokens)).toEqual([...tokens.slice(0, 96), ...tokens.slice(-96)]);
  });
});
