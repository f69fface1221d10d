import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { detectExtractor, extractors, readAnswer, sameAnswer } from "../../shared/answers.ts";
import type { ChatRequest, OutputFormat, Tool } from "../../shared/chat.ts";

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

describe("detectExtractor", () => {
  it.each([
    ["Which planet is largest?\nA. Mars\nB. Jupiter\nC. Venus", "choice"],
    ["Pick one.\n(A) yes\n(B) no", "choice"],
    ["Natalia sold 48 clips in April and half as many in May. How many clips did she sell altogether?", "number"],
    ["Compute $\\frac{1}{2} + \\frac{1}{3}$.", "number"],
    ["What is 12 * 12?", "number"],
    ["17 + 4 =", "number"],
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
    expect(detectExtractor(ask("Classify this.", { output: closed }))).toBe("json");
    expect(detectExtractor(ask("Classify this.", { output: free }))).toBeNull();
    expect(detectExtractor(ask("Classify this.", { output: { type: "json_object" } }))).toBeNull();
  });
});

describe("readAnswer", () => {
  it.each([
    ["The answer is (B).", "B"],
    ["**Answer: C**", "C"],
    ["Answer:\n\nD", "D"],
    ["We exclude A and B.\n\n**C. Venus**", "C"],
    ["So $\\boxed{\\text{(E)}}$", "E"],
    ["The correct option is J", "J"],
    ["The answer is a great thing", null],
    ["I cannot tell.", null],
    ["", null],
  ])("reads the letter of %j", (text, answer) => {
    expect(readAnswer("choice", text)).toBe(answer);
  });

  it.each([
    ["The answer is 1,000.", "1000"],
    ["#### 42", "42"],
    ["\\boxed{10^3}", "1000"],
    ["\\boxed{\\frac12}", "0.5"],
    ["so $\\boxed{-\\dfrac{3}{4}}$", "-0.75"],
    ["2\\frac{1}{2}", "2.5"],
    ["The answer is 1.5 \\times 10^{3} meters.", "1500"],
    ["The total is $5,200", "5200"],
    ["**Answer:** 3/4 cup", "0.75"],
    ["\\boxed{x = 1{,}234}", "1234"],
    ["\\boxed{90^\\circ}", "90"],
    ["\\boxed{2\\sqrt{3}}", "2\\sqrt{3}"],
    ["\\boxed{(1, 2)}", "(1,2)"],
    ["5 * 3 = 15, so she walks 15 km every day of the week.", "15"],
    ["I do not know.", null],
    ["", null],
  ])("reads the number of %j", (text, answer) => {
    expect(readAnswer("number", text)).toBe(answer);
  });

  it.each([
    ["assert f('a') == 'b'", "b"],
    ['assert f("a") == "b"', "b"],
    ["[(4, 1), (4,1)]", "[(4,1),(4,1)]"],
    ["Some thoughts.\nThe answer is: Yes.", "yes"],
    ["[ANSWER] [1, 2] [/ANSWER]", "[1,2]"],
    ["\n", null],
  ])("reads the short answer of %j", (text, answer) => {
    expect(readAnswer("short", text)).toBe(answer);
  });

  it("reads JSON by structure", () => {
    const canonical = '{"a":[1,2],"b":"x"}';
    expect(readAnswer("json", '{"b": " x", "a": [1.0, 2e0]}')).toBe(canonical);
    expect(readAnswer("json", 'Here it is:\n```json\n{"a":[1,2],"b":"x"}\n```\nDone.')).toBe(canonical);
    expect(readAnswer("json", "{broken")).toBeNull();
    expect(readAnswer("json", "[".repeat(100_000))).toBeNull();
  });

  it("takes any text without throwing, and twice the same way", () => {
    const word = fc.constantFrom(
      "\\boxed{",
      "}",
      "answer is",
      "(",
      "A",
      "**",
      "\\frac",
      "1",
      ",",
      "$",
      "####",
      "^",
      "\n",
      '"',
      "[",
      ": ",
    );
    const text = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.array(word, { maxLength: 60 }).map((words) => words.join("")),
    );
    fc.assert(
      fc.property(fc.constantFrom(...extractors), text, (extractor, input) => {
        const answer = readAnswer(extractor, input);
        expect(readAnswer(extractor, input)).toBe(answer);
        expect(answer === null || sameAnswer(extractor, answer, answer)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it("reads a hostile text of 100 kB in less than a tenth of a second", () => {
    for (const unit of ["answer is ", "(A) ", "1,", "**A", "\\frac", "- ", "\\boxed{"]) {
      const text = unit.repeat(100_000 / unit.length);
      const start = performance.now();
      for (const extractor of extractors) readAnswer(extractor, text);
      expect(performance.now() - start).toBeLessThan(100);
    }
  });
});

describe("sameAnswer", () => {
  it("forgives rounding in numbers only", () => {
    expect(sameAnswer("number", "0.333333333333", "0.3333333")).toBe(true);
    expect(sameAnswer("number", "0.33", "0.34")).toBe(false);
    expect(sameAnswer("number", "x+1", "x+2")).toBe(false);
    expect(sameAnswer("short", "1.00000000001", "1")).toBe(false);
  });
});
