/**
 * Answers that can be compared: how a worker's text is read, and when two are the same. Nothing here throws, whatever
 * the text. Which prompts have such an answer: `detect-extractor.ts`.
 */
import { canonicalFormula, firstNumber, lastNumber, sameNumber, spellNumber } from "./formula.ts";

/** How answers are compared: the letter of a choice, a number or formula, a short literal, JSON by structure. */
export const extractors = ["choice", "number", "short", "json"] as const;
export type Extractor = (typeof extractors)[number];

/** The final answer in a worker's text, in canonical form, which is read as itself; null when it cannot be read. */
export const readAnswer = (extractor: Extractor, text: string): string | null => {
  let answer = readOnce(extractor, text);
  // What was announced may announce in turn: "the answer is: answer: 5".
  for (let round = 0; round < maxRounds && answer !== null; round++) {
    const again = readOnce(extractor, answer);
    if (again === answer) return answer;
    answer = again;
  }
  return null;
};

/** Whether two canonical answers are the same. Numbers may be rounded differently, and percentages be shares. */
export const sameAnswer = (extractor: Extractor, a: string, b: string): boolean =>
  a === b || (extractor === "number" && sameNumber(a, b));

const maxRounds = 6;

const readOnce = (extractor: Extractor, text: string): string | null => {
  switch (extractor) {
    case "choice":
      return readChoice(ending(text));
    case "number":
      return readNumber(ending(text));
    case "short":
      return readShort(ending(text));
    case "json":
      return readJson(text);
    default:
      return extractor satisfies never;
  }
};

/** The final answer stands at the end; a bound keeps the time linear. */
const maxEnding = 6000;

const ending = (text: string): string => text.slice(-maxEnding);

const lastGroup = (text: string, pattern: RegExp): string | null => {
  const match = [...text.matchAll(pattern)].at(-1);
  return match?.slice(1).find((group) => group !== undefined) ?? null;
};

/** Words that announce the final answer, up to the answer itself. */
const announced = String.raw`(?:(?:[Aa]nswer|ANSWER|[Oo]ption|[Cc]hoice|[Aa]ntwort|[Rr]éponse|[Rr]espuesta|[Rr]esposta|[Rr]isposta|[Оо]твет)[*_]*\s*(?:(?:is|was|would be|should be|ist|lautet|est|es|é|è)(?![\p{L}\p{N}])\s*[:=]?|[:=：])|(?:答案|答え)[*_]*\s*(?:[是为はは:：]))[*_]*\s*`;

const announcedChoice = new RegExp(
  String.raw`${announced}(?:option|choice)?\s*[*_("'$\[{\x60]*(?:([A-P])(?![\p{L}\p{N}'])(?! \w+ \w)|(?<=\()([a-p])(?=\)))`,
  "gu",
);
const announcedText = new RegExp(String.raw`${announced}([^\n]{1,300})`, "gu");

const readChoice = (text: string): string | null => {
  const boxed = lastBoxed(text);
  const inBox = boxed === null ? null : /^\W*(?:\\text\s*\{)?\W*([A-Pa-p])\b/.exec(boxed);
  const letter =
    inBox?.[1] ??
    lastGroup(text, announcedChoice) ??
    lastGroup(text, /(?:^|[\s(*])([A-P])\)?[*_]{0,2} is (?:the )?(?:correct|right)(?! if| only)/g) ??
    lastGroup(text, /^[ \t]*[*_("'[]{0,4}([A-P])[*_)"'\]]{0,4}[ \t]*[.:]?[*_]{0,3}[ \t]*$/gm) ??
    lastGroup(text, /\*\*[ \t]*\(?([A-P])\)?[ \t]*(?:[.:)][^*\n]{0,200})?\*\*/g) ??
    lastGroup(text, /\*\*[ \t]*\(?([a-p])\)[^*\n]{0,200}\*\*/g) ??
    /(?:^|\n)[ \t]*[*_]{0,3}\(?([A-P])[.):][ \t]+\S[^\n]*\s*$/.exec(text)?.[1] ??
    /(?:^|\n)[ \t]*\(?([a-p])\)(?:[ \t]+\S[^\n]*)?\s*$/.exec(text)?.[1] ??
    /\(([A-P])\)[^()\n]{0,40}$/.exec(text)?.[1] ??
    null;
  return letter === null ? null : letter.toUpperCase();
};

const readNumber = (text: string): string | null => {
  const line = lastLine(text);
  const marked = [
    lastBoxed(text),
    lastGroup(text, /####\s*([^\n]{1,200})/g),
    lastGroup(text, announcedText),
    line === null ? null : lastGroup(line, /\*\*([^*\n]{0,80}\d[^*\n]{0,80}(?<!:))\*\*/g),
    line === null ? null : lastFormula(line),
  ];
  for (const candidate of marked) {
    const value = candidate === null ? null : (canonicalFormula(candidate) ?? firstNumber(candidate));
    if (value !== null) return value;
  }
  return (line === null ? null : canonicalFormula(line)) ?? lastNumber(text);
};

/** The last formula between dollars or `\(` and `\)`, its right side; sums of money are no formulas. */
const lastFormula = (line: string): string | null => {
  const formula = lastGroup(line, /\$([^$\n]{1,120})\$|\\\(([^\n]{1,120}?)\\\)/g);
  if (formula === null || (/[a-z]{2}/i.test(formula) && !formula.includes("\\"))) return null;
  return formula.split("=").at(-1) ?? null;
};

/** Contents of the last `\boxed{…}`, braces balanced. */
const lastBoxed = (text: string): string | null => {
  const start = Math.max(text.lastIndexOf("\\boxed{"), text.lastIndexOf("\\fbox{"));
  if (start < 0) return null;
  const open = text.indexOf("{", start);
  let depth = 0;
  for (let at = open; at < text.length; at++) {
    if (text[at] === "{") depth++;
    if (text[at] === "}" && --depth === 0) return text.slice(open + 1, at);
  }
  return null;
};

const readShort = (text: string): string | null => {
  const found =
    lastGroup(text, /\[ANSWER\]([\s\S]{1,500}?)\[\/ANSWER\]/g) ??
    lastBoxed(text) ??
    lastGroup(text, /^[^\S\n]*assert\b[^\n]*==\s*([^\n]{1,300})$/gm) ??
    lastGroup(text, announcedText) ??
    verdictOf(text) ??
    lastLine(text);
  return found === null ? null : canonicalShort(found.replace(/^\s*assert\b[^\n]*?==\s*/, ""));
};

const lastLine = (text: string): string | null => {
  const line = text
    .split("\n")
    .map((candidate) => candidate.trim())
    .findLast((candidate) => candidate !== "" && !candidate.startsWith("```"));
  return line !== undefined && line.length <= 200 ? line : null;
};

const verdict =
  /^[\s*_"'¡]*(yes|no|ja|nein|oui|non|s[ií]|sim|não|да|нет|是|否|はい|いいえ)[*_"']{0,3}(?=[.,;:!—–。、，]|\s+[—–-]\s|\s*$)/iu;

/** The yes or no that a text begins with, before it says why. */
const verdictOf = (text: string): string | null => verdict.exec(text.slice(0, 40))?.[1]?.toLowerCase() ?? null;

const maxUnwrapped = 4;

/**
 * Quotation marks, and spaces around punctuation and at the ends do not count, so that `'x'`, `"x"` and x are one;
 * case does, but in yes and no. The empty literal is two quotation marks.
 */
const canonicalShort = (raw: string): string | null => {
  if (/^[\s`*]*(["'])\s*\1[\s`*.]*$/.test(raw)) return '""';
  let text = raw;
  for (let round = 0; round < maxUnwrapped; round++) text = unwrapped(text);
  const evened = text
    .replaceAll(/["'“”‘’]/g, '"')
    .replaceAll(/\s*([,:()[\]{}])\s*/g, "$1")
    .trim();
  if (evened === "") return null;
  if (/^-?(?:0|[1-9]\d*)(?:\.\d+)?$/.test(evened)) return spellNumber(Number(evened));
  if (/^(?:true|false|none)$/i.test(evened)) return evened.toLowerCase();
  return verdictOf(evened) ?? evened;
};

const unwrapped = (raw: string): string => {
  const text = raw
    .trim()
    .replace(/^[`*_\s]+|[`*_\s]+$/g, "")
    .replace(/(?<=[\p{L}\p{N})\]}"'!?])[.。]$/u, "");
  const quoted = /^(["'“‘])(.*)["'”’]$/s.exec(text);
  const [, mark = "", inner = ""] = quoted ?? [];
  return quoted && inner.trim() !== "" && !inner.includes(mark) ? inner : text;
};

const maxJson = 262_144;

const readJson = (text: string): string | null => {
  if (text.length > maxJson) return null;
  const fenced = lastGroup(text, /```(?:json)?\s*\n([\s\S]*?)```/g);
  const [object, array] = [between(text, "{", "}"), between(text, "[", "]")];
  // The longer one holds the other: the objects of a list are not the answer.
  const embedded = (array?.length ?? 0) > (object?.length ?? 0) ? [array, object] : [object, array];
  for (const candidate of [text, fenced, ...embedded]) {
    const canonical = candidate === null ? null : canonicalJson(candidate);
    if (canonical !== null) return canonical;
  }
  return null;
};

const between = (text: string, open: string, close: string): string | null => {
  const start = text.indexOf(open);
  const end = text.lastIndexOf(close);
  return start >= 0 && end > start ? text.slice(start, end + 1) : null;
};

const canonicalJson = (text: string): string | null => {
  try {
    return JSON.stringify(sortKeys(JSON.parse(text)));
  } catch {
    // Not JSON, or nested deeper than the stack.
    return null;
  }
};

const sortKeys = (value: unknown): unknown => {
  if (typeof value === "string") return value.trim();
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, field]): [string, unknown] => [key, sortKeys(field)]);
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)));
};
