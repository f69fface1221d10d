import { describe, expect, it } from "vitest";
import type { ChatRequest, Message, OutputFormat, Tool } from "../../shared/chat.ts";
import { detectExtractor } from "../../shared/detect-extractor.ts";

const ask = (text: string, rest: { output?: OutputFormat; tools?: readonly Tool[] } = {}): ChatRequest => ({
  model: "shoal-ultra",
  messages: [{ role: "user", content: [{ type: "text", text }] }],
  tools: rest.tools ?? [],
  toolChoice: "auto",
  output: rest.output ?? { type: "text" },
  sampling: {},
  stop: [],
  metadata: {},
});

const jsonSchema = (schema: Readonly<Record<string, unknown>>): OutputFormat => ({
  type: "json_schema",
  name: "answer",
  schema,
});

const turns = (...texts: readonly string[]): ChatRequest => ({
  ...ask(""),
  messages: texts.map((text): Message => ({ role: "user", content: [{ type: "text", text }] })),
});

describe("detectExtractor", () => {
  it.each([
    ["Which planet is largest?\nA. Mars\nB. Jupiter\nC. Venus", "choice"],
    ["Pick one.\n(A) yes\n(B) no", "choice"],
    ["Natalia sold 48 clips in April and half as many in May. How many clips did she sell altogether?", "number"],
    ["Compute $\\frac{1}{2} + \\frac{1}{3}$.", "number"],
    ["What is 12 * 12?", "number"],
    ["17 + 4 =", "number"],
    ["what's 18% of 64.50?", "number"],
    ["solve 3x - 7 = 2x + 9", "number"],
    ["what year did the titanic sink", "number"],
    ["Combien font 17 fois 23 ?", "number"],
    ["Which gas do plants absorb?\na) Oxygen\nb) Nitrogen\nc) Carbon dioxide", "choice"],
    ["Antworte nur mit ja oder nein: Ist 97 eine Primzahl?", "short"],
    ["Seven boats and three rafts: what remains afloat? Give the answer as a number.", "number"],
    ["Complete the assertion with a literal.\nassert f(1) == ??", "short"],
    ["Is 91 a prime number? Answer with yes or no.", "short"],
  ])("finds the kind of answer of %j", (text, extractor) => {
    expect(detectExtractor(ask(text))).toBe(extractor);
  });

  it.each([
    "",
    "Hi, how are you?",
    "Write a Python function that adds 2 and 3 numbers.",
    "Explain how many planets there are: 8 or 9?",
    "What is the difference between TCP and UDP?",
    "How much effort is it to learn Rust?",
    "Read N and K.\n\nInput\n\nN K\n\nOutput\n\nFind the number of ways. Sample: 3 2",
    "Translate to French: I have 3 dogs and 2 cats. How many animals?",
    "How much can I expect to pay for 2 rooms and 3 nights?",
    "What is the difference between a 401k and a Roth IRA if I make $85,000?",
    "If rent is 900 and food 300, how much is left? And how much should I save?",
    "Should I choose\nA. a dog\nB. a cat\nC. a goldfish\nfor a flat?\nTell me the pros and cons of each.",
    "Identify the capitals.\na) Copenhagen is lovely.\nb) Paris is too.\nc) So is Rome.",
    "Summarize this text:\nA. First point\nand more",
  ])("leaves %j alone", (text) => {
    expect(detectExtractor(ask(text))).toBeNull();
  });

  it("never compares answers of a turn with tools", () => {
    expect(detectExtractor(ask("Pick.\nA. x\nB. y\nC. z", { tools: [{ name: "search" }] }))).toBeNull();
  });

  it("compares JSON when its schema leaves no free text", () => {
    const closed = jsonSchema({
      type: "object",
      properties: { label: { enum: ["spam", "ham"] }, scores: { type: "array", items: { type: "number" } } },
    });
    const free = jsonSchema({ type: "object", properties: { summary: { type: "string" } } });
    const dated = jsonSchema({ type: "object", properties: { due: { type: ["string", "null"], format: "date" } } });
    expect(detectExtractor(ask("When is it due?", { output: dated }))).toBe("json");
    expect(detectExtractor(ask("Classify this.", { output: closed }))).toBe("json");
    expect(detectExtractor(ask("Classify this.", { output: free }))).toBeNull();
    expect(detectExtractor(ask("Classify this.", { output: { type: "json_object" } }))).toBeNull();
  });

  it("lets a short turn go on with a question for a number", () => {
    expect(detectExtractor(turns("What is 15% of 80?", "And 20% of 95?"))).toBe("number");
    expect(detectExtractor(turns("What is 15% of 80?", "Thanks! Can you explain the 2 steps?"))).toBeNull();
    expect(detectExtractor(turns("Tell me a joke.", "And 20 more of these 95?"))).toBeNull();
  });

  it.each(["input ", "what is the ", "(A) x\n", "answer with ", "how long ", "1 ", "solve "])(
    "decides on the longest prompt made of %j in less than 50 ms",
    (unit) => {
      const chat = ask(unit.repeat(8000 / unit.length));
      const start = performance.now();
      detectExtractor(chat);
      expect(performance.now() - start).toBeLessThan(50);
    },
  );
});
