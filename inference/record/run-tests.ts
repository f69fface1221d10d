import type { RunTests } from "./grade.ts";
import type { Language, Sandbox } from "./sandbox.ts";

/** What an answer's code and its tests may take. */
export const testSeconds = 10;

/**
 * Runs the code of an answer and then its tests in the sandbox. They have passed when the program reaches its last line,
 * which prints a word made for this run: an answer that ends the process early has not. An answer that went looking for
 * the tests in its own process would find them.
 */
export const createRunTests =
  (sandbox: Sandbox, newWord: () => string): RunTests =>
  async ({ language, tests }, answer) => {
    const word = newWord();
    const { code, stdout } = await sandbox.run(language, compose[language](codeOf(answer, language), tests, word));
    return code === 0 && stdout.trimEnd().endsWith(`\n${word}`);
  };

const fence = /^[ \t]*(`{3,}|~{3,})[ \t]*([\w+#.-]*)[^\n]*\n([\s\S]*?)^[ \t]*\1[ \t]*$/gm;
const tags: Record<Language, readonly string[]> = {
  python: ["", "python", "python3", "py"],
  javascript: ["", "javascript", "js", "mjs", "node"],
};

/** The longest fenced block in the language, else the whole answer. */
export const codeOf = (answer: string, language: Language): string => {
  const blocks = [...answer.matchAll(fence)].filter(([, , tag = ""]) => tags[language].includes(tag.toLowerCase()));
  const [longest] = blocks.map(([, , , code = ""]) => code).toSorted((a, b) => b.length - a.length);
  return longest ?? answer;
};

/** JSON's strings are Python's too. */
const quote = (text: string): string => JSON.stringify(text);

const compose: Record<Language, (code: string, tests: string, word: string) => string> = {
  // A module of its own name: what the answer keeps for a run as a script does not run.
  python: (code, tests, word) => `
import sys, types
module = types.ModuleType("solution")
sys.modules["solution"] = module
exec(compile(${quote(code)}, "solution.py", "exec"), module.__dict__)
exec(compile(${quote(tests)}, "tests.py", "exec"), module.__dict__)
print("\\n" + ${quote(word)})
`,
  // Answers are written for either kind of module; globals, so that an answer may declare its own.
  javascript: (code, tests, word) => `
import { createRequire as __createRequire } from "node:module";
import __assert from "node:assert/strict";
globalThis.exports = {};
globalThis.module = { exports: globalThis.exports };
globalThis.require = __createRequire("file:///tmp/solution.js");
${code}
;{
const assert = __assert;
${tests}
}
console.log("\\n" + ${quote(word)});
`,
};
