import { describe, expect, it } from "vitest";
import { toHistory } from "../../inference/history.ts";

describe("toHistory", () => {
  it("puts a tool's result into its call", () => {
    const history = toHistory([
      { role: "user", content: [{ type: "text", text: "weather?" }] },
      {
        role: "assistant",
        content: [
          { type: "text", text: "looking" },
          { type: "tool-call", id: "1", name: "weather", arguments: '{"city":"Paris"}' },
          { type: "tool-call", id: "2", name: "time", arguments: "{}" },
        ],
      },
      { role: "tool", toolCallId: "2", content: [{ type: "text", text: "noon" }] },
      { role: "tool", toolCallId: "1", content: [{ type: "text", text: "sunny" }] },
    ]);
    expect(history).toEqual([
      { type: "user", text: "weather?" },
      {
        type: "model",
        response: [
          "looking",
          { type: "functionCall", name: "weather", params: { city: "Paris" }, result: "sunny", startsNewChunk: true },
          { type: "functionCall", name: "time", params: {}, result: "noon", startsNewChunk: false },
        ],
      },
    ]);
  });

  it("joins the words after a tool's result to the same turn", () => {
    const history = toHistory([
      { role: "assistant", content: [{ type: "tool-call", id: "1", name: "weather", arguments: "{}" }] },
      { role: "tool", toolCallId: "1", content: [{ type: "text", text: "sunny" }] },
      { role: "assistant", content: [{ type: "text", text: "It is sunny." }] },
      { role: "user", content: [{ type: "text", text: "Thanks" }] },
    ]);
    expect(history.map((item) => item.type)).toEqual(["model", "user"]);
  });

  it("does not continue the assistant's last words", () => {
    const history = toHistory([{ role: "assistant", content: [{ type: "text", text: "done" }] }]);
    expect(history).toEqual([
      { type: "model", response: ["done"] },
      { type: "model", response: [] },
    ]);
  });
});
