import { describe, expect, it } from "vitest";
import { responses } from "../../../edge/formats/responses.ts";

const read = (input: readonly unknown[]) => {
  const parsed = responses.parse({ model: "shoal-mini", input });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value;
};
const user = { role: "user", content: "hi" };

describe("a long input", () => {
  it("is read in a time that grows with its length only", () => {
    const calls = Array.from({ length: 100_000 }, (_, index) => index);
    const { chat } = read([
      user,
      ...calls.map((index) => ({ type: "function_call", call_id: `c${index}`, name: "f", arguments: "{}" })),
      ...calls.map((index) => ({ type: "function_call_output", call_id: `c${index}`, output: "x" })),
    ]);
    expect(chat.messages).toHaveLength(100_002);
    expect(chat.messages[1]?.role === "assistant" && chat.messages[1].content.length).toBe(100_000);
  });
});
