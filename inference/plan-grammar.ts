import { maxSteps } from "../shared/plan.ts";

/** A part of a grammar, as data: it is written as GBNF, and its longest text is known. */
export type Part =
  | { readonly kind: "text"; readonly text: string }
  /** Printable ASCII without quotes, backslashes and braces: never more tokens than characters, and nothing to escape. */
  | { readonly kind: "words"; readonly min: number; readonly max: number }
  | { readonly kind: "rule"; readonly name: string }
  | { readonly kind: "all"; readonly of: readonly Part[] }
  | { readonly kind: "one"; readonly of: readonly Part[] };

/** Parts by name; `root` is the whole. */
export type Grammar = ReadonlyMap<string, Part>;

/** What `words` is made of, as a character class of GBNF. */
export const wordCharacters = "[ !#-\\[\\]-z|~]";

const text = (literal: string): Part => ({ kind: "text", text: literal });
const rule = (name: string): Part => ({ kind: "rule", name });
const all = (...of: readonly Part[]): Part => ({ kind: "all", of });
const one = (...of: readonly Part[]): Part => (of.length === 1 && of[0] ? of[0] : { kind: "one", of });

/** A subtask, or, where nothing is seen, the request in the user's own words. */
const own = one(text("null"), rule("subtask"));

/** A request's first workflow, or one that may revise its answer: that is the work of step 0. */
export type Round = "first" | "revising";

/** The smallest number that a step may see. */
const leastSeen: Readonly<Record<Round, number>> = { first: 1, revising: 0 };

const minSubtask = 12;
/** As a hosted planner's is bounded by its own sense. */
const maxSubtask = 400;

/**
 * The grammar of a round's workflows over so many workers, written without white space: what `readWrittenPlan`, or of a
 * revising round `readRevision`, takes without a repair; such a round may also be empty. A JSON schema cannot say that a step sees earlier ones only, or that the last one answers, so each place has
 * its own rules. Subtasks are as long as `maxTokens` allows for five of them: a plan always ends inside its budget. Null
 * when the budget is too small for one that says anything.
 */
export const planGrammar = (workers: number, maxTokens: number, round: Round): Grammar | null => {
  const bare = longest(rulesOf(workers, 0, round), "root");
  const subtask = Math.min(maxSubtask, Math.floor((maxTokens - bare - 1) / maxSteps));
  return subtask < minSubtask ? null : rulesOf(workers, subtask, round);
};

const rulesOf = (workers: number, subtask: number, round: Round): Grammar =>
  new Map<string, Part>([
    ["root", round === "first" ? someSteps : one(noStep, someSteps)],
    ["worker", one(...Array.from({ length: workers }, (_, ordinal) => text(String(ordinal))))],
    ["words", { kind: "words", min: Math.min(minSubtask, subtask), max: subtask }],
    ["subtask", all(text('"'), rule("words"), text('"'))],
    ...Array.from({ length: maxSteps }, (_, at) => rulesAt(at + 1, leastSeen[round])).flat(),
  ]);

const someSteps = all(text('{"steps":['), rule("tail-1"), text("]}"));
const noStep = text('{"steps":[]}');

/** The step at a place, counted from 1: one that others follow, or the last one. */
const rulesAt = (place: number, least: number): readonly (readonly [string, Part])[] => {
  const last = rule(`last-${place}`);
  const isFull = place === maxSteps;
  return [
    [`tail-${place}`, isFull ? last : one(last, all(rule(`step-${place}`), text(","), rule(`tail-${place + 1}`)))],
    [`last-${place}`, lastStep(place, least)],
    ...(isFull ? [] : [[`step-${place}`, innerStep(place, least)] as const]),
  ];
};

const innerStep = (place: number, least: number): Part => {
  const seen = subsetsOf(least, place);
  const some = accessOf(seen.filter((set) => set.length > 0));
  return one(
    step("think", accessOf(seen), rule("subtask")),
    step("answer", accessOf([[]]), own),
    ...(place > least ? (["answer", "verify", "judge"] as const).map((role) => step(role, some, rule("subtask"))) : []),
  );
};

/** It sees at least the step before, which nobody else could. */
const lastStep = (place: number, least: number): Part => {
  if (place === least) return step("answer", accessOf([[]]), own);
  const seen = accessOf(subsetsOf(least, place).filter((set) => set.includes(place - 1)));
  return one(...(["answer", "verify", "judge"] as const).map((role) => step(role, seen, rule("subtask"))));
};

const step = (role: string, access: Part, subtask: Part): Part =>
  all(
    text(`{"role":"${role}","worker":`),
    rule("worker"),
    text(',"access":'),
    access,
    text(',"subtask":'),
    subtask,
    text("}"),
  );

const accessOf = (sets: readonly (readonly number[])[]): Part => one(...sets.map((set) => text(JSON.stringify(set))));

/** Sets of numbers from `least` to below `place`, each in ascending order. */
const subsetsOf = (least: number, place: number): readonly (readonly number[])[] =>
  Array.from({ length: place - least }, (_, at) => at + least).reduce<readonly (readonly number[])[]>(
    (sets, earlier) => [...sets, ...sets.map((set) => [...set, earlier])],
    [[]],
  );

/** Characters of the longest text that a rule takes. The rules do not refer to themselves. */
export const longest = (grammar: Grammar, name: string): number => {
  const part = grammar.get(name);
  return part ? lengthOf(part, grammar) : 0;
};

const lengthOf = (part: Part, grammar: Grammar): number => {
  switch (part.kind) {
    case "text":
      return part.text.length;
    case "words":
      return part.max;
    case "rule":
      return longest(grammar, part.name);
    case "all":
      return part.of.reduce((sum, next) => sum + lengthOf(next, grammar), 0);
    case "one":
      return Math.max(...part.of.map((next) => lengthOf(next, grammar)));
    default:
      return part satisfies never;
  }
};

/** https://github.com/ggml-org/llama.cpp/blob/master/grammars/README.md */
export const toGbnf = (grammar: Grammar): string =>
  [...grammar].map(([name, part]) => `${name} ::= ${write(part)}\n`).join("");

const write = (part: Part): string => {
  switch (part.kind) {
    case "text":
      return JSON.stringify(part.text);
    case "words":
      return `${wordCharacters}{${part.min},${part.max}}`;
    case "rule":
      return part.name;
    case "all":
      return part.of.map(write).join(" ");
    case "one":
      return `(${part.of.map(write).join(" | ")})`;
    default:
      return part satisfies never;
  }
};
