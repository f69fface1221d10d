import { Ajv2020 } from "ajv/dist/2020.js";
import { readAnswer, sameAnswer } from "../../shared/answers.ts";
import type { Verifier } from "./prompts.ts";

/** What came of an answer. `pred` is the final answer that was read, null when none could be; absent for code. */
export type Grade = { readonly correct: 0 | 1; readonly pred?: string | null };

/** Whether the answer's code passes the tests. */
export type RunTests = (verifier: Extract<Verifier, { kind: "tests" }>, answer: string) => Promise<boolean>;

/** Grades an answer as its prompt says. Never throws over an answer, whatever it holds. */
export const gradeAnswer = async (verifier: Verifier, answer: string, runTests: RunTests): Promise<Grade> => {
  switch (verifier.kind) {
    case "choice":
    case "number":
    case "short":
      return gradeText(verifier, answer);
    case "json":
      return gradeJson(verifier.schema, answer);
    case "tests":
      return { correct: (await runTests(verifier, answer)) ? 1 : 0 };
    default:
      return verifier satisfies never;
  }
};

const gradeText = (verifier: Extract<Verifier, { answer: string }>, answer: string): Grade => {
  const pred = readAnswer(verifier.kind, answer);
  const right = readAnswer(verifier.kind, verifier.answer);
  return { pred, correct: pred !== null && right !== null && sameAnswer(verifier.kind, pred, right) ? 1 : 0 };
};

const gradeJson = (schema: Record<string, unknown>, answer: string): Grade => {
  const pred = readAnswer("json", answer);
  if (pred === null) return { pred, correct: 0 };
  const fits = new Ajv2020({ strict: false, logger: false }).validate(schema, JSON.parse(pred));
  return { pred, correct: fits ? 1 : 0 };
};
