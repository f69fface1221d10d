import { describe, expect, it } from "vitest";
import { lastUserText, systemText, textOf, usesTools, type Message } from "../../shared/chat.ts";
import { chatOf } from "../support/events.ts";

const user = (...texts: readonly string[]): Message => ({
  role: "user",
  content: texts.map((text) => ({ type: "text", text })),
});
const tool = { name: "weather" } as const;

describe("textOf", () => {
  it("joins the text parts and passes over all others", () => {
    const message: Message = {
      role: "user",
      content: [
        { type: "text", text: "one" },
        { type: "image", source: { url: "https://example.com/a.png" } },
        { type: "text", text: "two" },
      ],
    };
    expect(textOf(message)).toBe("one\ntwo");
  });

  it("leaves a model's thoughts and tool calls out", () => {
    const message: Message = {
      role: "assistant",
      content: [
        { type: "reasoning", text: "hm" },
        { type: "text", text: "yes" },
        { type: "tool-call", id: "call_1", name: "weather", arguments: "{}" },
      ],
    };
    expect(textOf(message)).toBe("yes");
  });
});

describe("lastUserText", () => {
  it("is the last user turn, though others follow it", () => {
    const messages: readonly Message[] = [
      user("first"),
      user("second"),
      { role: "assistant", content: [{ type: "text", text: "answer" }] },
    ];
    expect(lastUserText(messages)).toBe("second");
  });

  it("is empty without one", () => {
    expect(lastUserText([{ role: "system", text: "be brief" }])).toBe("");
  });
});

describe("systemText", () => {
  it("joins system messages wherever they stand", () => {
    const messages: readonly Message[] = [
      { role: "system", text: "be brief" },
      user("hello"),
      { role: "system", text: "be kind" },
    ];
    expect(systemText(messages)).toBe("be brief\n\nbe kind");
  });
});

describe("usesTools", () => {
  it("holds for a turn that offers tools, unless they are forbidden", () => {
    expect(usesTools(chatOf("hi", { tools: [tool] }))).toBe(true);
    expect(usesTools(chatOf("hi", { tools: [tool], toolChoice: "none" }))).toBe(false);
    expect(usesTools(chatOf("hi"))).toBe(false);
  });

  it("holds for a turn that answers a tool call, even without tools", () => {
    const messages: readonly Message[] = [
      user("hi"),
      { role: "assistant", content: [{ type: "tool-call", id: "call_1", name: "weather", arguments: "{}" }] },
      { role: "tool", toolCallId: "call_1", content: [{ type: "text", text: "rain" }] },
    ];
    expect(usesTools(chatOf("", { messages }))).toBe(true);
  });
});
