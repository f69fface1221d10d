import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { extractors, readAnswer, sameAnswer } from "../../shared/answers.ts";

describe("readAnswer", () => {
  it.each([
    ["The answer is (B).", "B"],
    ["**Answer: C**", "C"],
    ["Answer:\n\nD", "D"],
    ["We exclude A and B.\n\n**C. Venus**", "C"],
    ["So $\\boxed{\\text{(E)}}$", "E"],
    ["The correct option is J", "J"],
    ["Answer: (C)", "C"],
    ["**C**", "C"],
    ["The answer is C.", "C"],
    ["The answer is (c).", "C"],
    ["**c) Carbon dioxide**", "C"],
    ["Option A fails. B is the correct one.", "B"],
    ["Die Antwort ist B.", "B"],
    ["答案是C", "C"],
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
    ["\\boxed{[0, \\infty)}", "[0,\\infty)"],
    ["\\boxed{\\sqrt2}", "\\sqrt{2}"],
    ["\\boxed{√2}", "\\sqrt{2}"],
    ["\\boxed{5π}", "5\\pi"],
    ["\\boxed{12 \\text{ km}}", "12"],
    ["The answer is 12km.", "12"],
    ["The answer is 1e3.", "1000"],
    ["The answer is −7.", "-7"],
    ["The answer is 50%.", "50%"],
    ["It comes to $1,000.00 in all.", "1000"],
    ["The probability is 35/36.", "0.972222222222"],
    ["The probability is $\\frac{35}{36}$.", "0.972222222222"],
    ["She pays $5 now and $10 later.", "10"],
    ["The ship sank in **1912**, after 2 hours and 40 minutes.", "1912"],
    ["Das sind 2,5 Stunden.", "2.5"],
    ["Die Antwort lautet 36.", "36"],
    ["答案：22", "22"],
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
    ["assert f() == ''", '""'],
    ["assert f() == '00019'", "00019"],
    ["00019", "00019"],
    ['assert f() == "it\'s"', 'it"s'],
    ["**Yes.** A tomato is botanically a fruit.", "yes"],
    ["Nein, 91 ist 7 mal 13.", "nein"],
    ["\n", null],
  ])("reads the short answer of %j", (text, answer) => {
    expect(readAnswer("short", text)).toBe(answer);
  });

  it("reads JSON by structure", () => {
    const canonical = '{"a":[1,2],"b":"x"}';
    expect(readAnswer("json", '{"b": " x", "a": [1.0, 2e0]}')).toBe(canonical);
    expect(readAnswer("json", 'Here it is:\n```json\n{"a":[1,2],"b":"x"}\n```\nDone.')).toBe(canonical);
    expect(readAnswer("json", 'The list is [{"a": 1}], as asked.')).toBe('[{"a":1}]');
    expect(readAnswer("json", 'See [1]. It is {"a": [2]}.')).toBe('{"a":[2]}');
    expect(readAnswer("json", "{broken")).toBeNull();
    expect(readAnswer("json", "[".repeat(100_000))).toBeNull();
  });

  it("takes any text without throwing, and reads a canonical answer as itself", () => {
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
        expect(answer === null || sameAnswer(extractor, answer, answer)).toBe(true);
        expect(answer === null || readAnswer(extractor, answer) === answer).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it.each(["answer is ", "(A) ", "1,", "**A", "\\frac", "- ", "\\boxed{", "$1", '{"a":', "```json\n", "yes "])(
    "reads a megabyte of %j in less than 50 ms",
    (unit) => {
      const text = unit.repeat(1_000_000 / unit.length);
      const start = performance.now();
      for (const extractor of extractors) readAnswer(extractor, text);
      expect(performance.now() - start).toBeLessThan(50);
    },
  );
});

describe("sameAnswer", () => {
  it.each([
    ["12.195", "12.2", true],
    ["5.33333333333", "5.33", true],
    ["1.25", "1.26", false],
    ["7.5", "8", false],
    ["0.67", "0.666666666667", false],
    ["19%", "0.19", true],
    ["25%", "25", true],
    ["25%", "26", false],
    ["2\\sqrt{3}", "3\\sqrt{2}", false],
  ])("takes the numbers %s and %s for one: %s", (a, b, same) => {
    expect(sameAnswer("number", a, b)).toBe(same);
  });

  it("does not depend on the order of its answers", () => {
    const decimal = fc.double({ noNaN: true, min: -1e6, max: 1e6 });
    const number = fc
      .tuple(decimal, fc.nat(6), fc.constantFrom("", "%"))
      .map(([value, digits, sign]) => `${value.toFixed(digits)}${sign}`);
    const near = fc.tuple(decimal, fc.nat(6), fc.nat(6)).map(([value, a, b]) => [value.toFixed(a), value.toFixed(b)]);
    const pair = fc.oneof(fc.tuple(number, number), near, fc.tuple(fc.string(), fc.string()));
    fc.assert(
      fc.property(fc.constantFrom(...extractors), pair, (extractor, [a = "", b = ""]) => {
        expect(sameAnswer(extractor, a, b)).toBe(sameAnswer(extractor, b, a));
      }),
    );
  });

  it("forgives rounding in numbers only", () => {
    expect(sameAnswer("number", "0.333333333333", "0.3333333")).toBe(true);
    expect(sameAnswer("number", "0.33", "0.34")).toBe(false);
    expect(sameAnswer("number", "x+1", "x+2")).toBe(false);
    expect(sameAnswer("short", "1.00000000001", "1")).toBe(false);
  });
});
