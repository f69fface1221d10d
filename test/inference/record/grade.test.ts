import { describe, expect, it } from "vitest";
import { gradeAnswer } from "../../../inference/record/grade.ts";
import { codeOf } from "../../../inference/record/run-tests.ts";

const never = () => Promise.reject(new Error("runs no code"));

describe("grading", () => {
  it.each([
    { verifier: { kind: "choice", answer: "C" }, answer: "Thus the answer is (C).", pred: "C", correct: 1 },
    { verifier: { kind: "choice", answer: "C" }, answer: "Answer: D", pred: "D", correct: 0 },
    { verifier: { kind: "choice", answer: "C" }, answer: "I cannot tell.", pred: null, correct: 0 },
    { verifier: { kind: "number", answer: "1,000" }, answer: "Answer: 10^3", pred: "1000", correct: 1 },
    { verifier: { kind: "number", answer: "1,000" }, answer: "Answer: 999", pred: "999", correct: 0 },
    { verifier: { kind: "number", answer: "7" }, answer: "", pred: null, correct: 0 },
    { verifier: { kind: "short", answer: "'ab'" }, answer: 'Answer: "ab"', pred: "ab", correct: 1 },
    { verifier: { kind: "short", answer: "'ab'" }, answer: "Answer: 'ba'", pred: "ba", correct: 0 },
    { verifier: { kind: "short", answer: "'ab'" }, answer: "", pred: null, correct: 0 },
  ] as const)("reads $pred from $answer", async ({ verifier, answer, pred, correct }) => {
    expect(await gradeAnswer(verifier, answer, never)).toEqual({ pred, correct });
  });

  it("holds JSON against its schema", async () => {
    const schema = { type: "object", properties: { n: { const: 3 } }, required: ["n"], additionalProperties: false };
    const grade = (answer: string) => gradeAnswer({ kind: "json", schema }, answer, never);
    expect(await grade('Sure:\n```json\n{ "n": 3 }\n```')).toEqual({ pred: '{"n":3}', correct: 1 });
    expect(await grade('{"n":4}')).toEqual({ pred: '{"n":4}', correct: 0 });
    expect(await grade('{"n":3,"m":1}')).toEqual({ pred: '{"m":1,"n":3}', correct: 0 });
    expect(await grade("n is 3")).toEqual({ pred: null, correct: 0 });
  });

  it("takes the longest block in the language as the code", () => {
    const answer = "```\nx = 1\n```\n```bash\nrun this and that and more\n```\n```python\ny = 22\n```";
    expect(codeOf(answer, "python")).toBe("y = 22\n");
    expect(codeOf("plain", "python")).toBe("plain");
  });
});
