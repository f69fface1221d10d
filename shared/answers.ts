/**
 * Answers that can be compared: which prompts have one, how a worker's text is read, and when two are the same.
 * Nothing here throws, whatever the text.
 */
import { lastUserText, usesTools, type ChatRequest, type JsonSchema } from "./chat.ts";

/** How answers are compared: the letter of a choice, a number or formula, a short literal, JSON by structure. */
export const extractors = ["choice", "number", "short", "json"] as const;
export type Extractor = (typeof extractors)[number];

/**
 * Decides before the first call whether the prompt has one comparable answer. Conservative: null for prose, code,
 * anything with tools, and whenever in doubt.
 */
export const detectExtractor = (chat: ChatRequest): Extractor | null => {
  if (usesTools(chat)) return null;
  if (chat.output.type === "json_schema") return isClosed(chat.output.schema, maxSchemaDepth) ? "json" : null;
  if (chat.output.type === "json_object") return null;
  const text = lastUserText(chat.messages).trim();
  if (text === "" || text.length > maxQuestion) return null;
  if (hasOptions(text)) return "choice";
  if (asksForLiteral.test(text)) return "short";
  if (asksForWork.test(text) || text.includes("```")) return null;
  if (asksForWord.test(text)) return "short";
  return isSum(text) ? "number" : null;
};

/** The final answer in a worker's text, in canonical form; null when it cannot be read. */
export const readAnswer = (extractor: Extractor, text: string): string | null => {
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

/** Whether two canonical answers are the same. Numbers may differ by rounding in the sixth digit. */
export const sameAnswer = (extractor: Extractor, a: string, b: string): boolean => {
  if (a === b) return true;
  if (extractor !== "number") return false;
  const [x, y] = [Number(a), Number(b)];
  return Number.isFinite(x) && Number.isFinite(y) && Math.abs(x - y) <= 1e-6 * Math.max(Math.abs(x), Math.abs(y));
};

// Detection.

/** Longer prompts carry a document: what is asked of it is seldom one value. */
const maxQuestion = 8000;
const maxSchemaDepth = 8;

const asksForWork =
  /\b(?:explain|describe|discuss|write|rewrite|implement|refactor|debug|draft|compose|summari[sz]e|translate|essay|story|poem|email|code|script|brainstorm|ideas?|recommend|outline|why|opinion|prove|proof|available functions)\b|(?:^|[.!?]\s+)(?:list|plan|compare|suggest|review|derive|create)\b|\binput\b[^]*\boutput\b|\bdef \w+\(/i;

const asksForLiteral =
  /\bcomplete the assertion with a literal\b|\b(?:answer|respond|reply|output|return)(?: \w+){0,3} (?:only|just|with (?:only|just|exactly)?) ?(?:with )?(?:the |a |an |one |single )*(?:word|number|name|value|letter|literal|answer|date|year|integer)\b/i;

const asksForWord =
  /\b(?:yes or no|true or false|in one word|one[- ]word answer|single word)\b[^.?!]{0,40}[.?!]?\s*$|^(?:who|what|which|when|where)\b[^.?!\n]{0,80}\b(?:year|capital of|name of|author of)\b[^.?!\n]{0,80}\?$/i;

const sumCue =
  /\bhow (?:many|much|long|far|old|tall|fast|wide|deep|heavy|likely)\b|\bwhat (?:is|was|are|were|will be|would be|'s) (?:the |his |her |its |their )?(?:\w+ ){0,5}?(?:sum|product|difference|quotient|value|total|number|area|volume|perimeter|probability|average|mean|median|ratio|percent|percentage|remainder|length|distance|speed|cost|price|profit|age|degree|measure|radius|sine|cosine|largest|smallest|greatest|least|maximum|minimum)\b|\b(?:compute|calculate|evaluate|solve for|find|determine|express)\b|\bwhat percent/i;

/** `What is 12 * 12?` and no more than that. */
const isArithmetic = /^(?:what(?:'s| is)\s+)?[-(\s]*\d[\d.,()\s]*[-+*/×÷^][-+*/×÷^\d.,()\s]*\d[)\s]*[=?.]*$/i;

const asksForNumber =
  /\b(?:answer|result|reply|respond)(?: \w+){0,3} (?:as|with|in) (?:a |an |one |the )?(?:single |whole )?(?:number|integer|decimal|fraction|figure)\b/i;

/** A task of arithmetic or mathematics: a cue, and figures or formulas to work on. */
const isSum = (text: string): boolean => {
  if (isArithmetic.test(text) || asksForNumber.test(text)) return true;
  if (!sumCue.test(text)) return false;
  const formulas = /\$[^$]+\$|\\(?:frac|sqrt|boxed|sum|int|begin)|[=^]/.test(text);
  const figures = text.match(/\d+/g)?.length ?? 0;
  const numberWords =
    text.match(/\b(?:two|three|four|five|six|seven|eight|nine|ten|twice|half|dozen|third)\b/gi)?.length ?? 0;
  return formulas || figures + numberWords >= 2;
};

const optionLine = /^\s*(?:\(([A-P])\)|([A-P])\s?[.):])\s+\S/gm;

/** Three options or more in alphabetical order from A, two when they stand at the end. */
const hasOptions = (text: string): boolean => {
  let expected = "A".charCodeAt(0);
  let end = 0;
  for (const match of text.matchAll(optionLine)) {
    const letter = (match[1] ?? match[2] ?? "").charCodeAt(0);
    if (letter !== expected) continue;
    expected++;
    end = match.index + match[0].length;
  }
  const options = expected - "A".charCodeAt(0);
  const rest = text.slice(end);
  return options >= 3 ? rest.length <= 1500 : options === 2 && rest.length <= 200;
};

const isNode = (value: unknown): value is JsonSchema => typeof value === "object" && value !== null;

/** Whether every leaf of a schema takes numbers, truth values or listed values only: free text never agrees. */
const isClosed = (node: unknown, depth: number): boolean => {
  if (depth === 0 || !isNode(node)) return false;
  if (Array.isArray(node["enum"]) || "const" in node) return true;
  const alternatives = node["anyOf"] ?? node["oneOf"];
  if (Array.isArray(alternatives)) return alternatives.every((alternative) => isClosed(alternative, depth - 1));
  switch (node["type"]) {
    case "number":
    case "integer":
    case "boolean":
    case "null":
      return true;
    case "array":
      return isClosed(node["items"], depth - 1);
    case "object": {
      const properties = node["properties"];
      if (typeof properties !== "object" || properties === null) return false;
      const fields = Object.values(properties);
      return fields.length > 0 && fields.every((field) => isClosed(field, depth - 1));
    }
    default:
      return false;
  }
};

// Reading.

/** The final answer stands at the end; a bound keeps the time linear. */
const maxEnding = 6000;

const ending = (text: string): string => text.slice(-maxEnding);

const lastGroup = (text: string, pattern: RegExp): string | null => {
  const match = [...text.matchAll(pattern)].at(-1);
  return match?.slice(1).find((group) => group !== undefined) ?? null;
};

/** Words that announce the final answer, up to the answer itself. */
const announced = String.raw`(?:[Aa]nswer|ANSWER|[Oo]ption|[Cc]hoice)[*_]*\s*(?:(?:is|was|would be|should be)\s*[:=]?|[:=])[*_]*\s*`;

const announcedChoice = new RegExp(
  String.raw`${announced}(?:option|choice)?\s*[*_("'$\[{\x60]*([A-P])(?![\w'])(?! \w+ \w)`,
  "g",
);
const announcedText = new RegExp(String.raw`${announced}([^\n]{1,300})`, "g");

const readChoice = (text: string): string | null => {
  const boxed = lastBoxed(text);
  const inBox = boxed === null ? null : /^\W*(?:\\text\s*\{)?\W*([A-P])\b/.exec(boxed);
  if (inBox?.[1]) return inBox[1];
  return (
    lastGroup(text, announcedChoice) ??
    lastGroup(text, /^[ \t]*[*_("'[]{0,4}([A-P])[*_)"'\]]{0,4}[ \t]*[.:]?[*_]{0,3}[ \t]*$/gm) ??
    lastGroup(text, /\*\*[ \t]*\(?([A-P])\)?[ \t]*(?:[.:)][^*\n]{0,200})?\*\*/g) ??
    /(?:^|\n)[ \t]*[*_]{0,3}\(?([A-P])[.):][ \t]+\S[^\n]*\s*$/.exec(text)?.[1] ??
    /\(([A-P])\)[^()\n]{0,40}$/.exec(text)?.[1] ??
    null
  );
};

const readNumber = (text: string): string | null => {
  const marked = [lastBoxed(text), lastGroup(text, /####\s*([^\n]{1,200})/g), lastGroup(text, announcedText)];
  for (const candidate of marked) {
    const value = candidate === null ? null : (canonicalFormula(candidate) ?? firstNumber(candidate));
    if (value !== null) return value;
  }
  const line = lastLine(text);
  return (line === null ? null : canonicalFormula(line)) ?? lastNumber(text);
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

/** A number as a decimal, else a formula with its spelling evened out; null when the text is neither. */
const canonicalFormula = (raw: string): string | null => {
  const formula = plainFormula(raw);
  const value = evaluate(formula) ?? evaluate(withoutUnits(formula));
  if (value !== null) return spell(value);
  const tight = formula.replaceAll(/\s+/g, "");
  const isFormula = /[\da-z]/i.test(tight) && tight.length <= 80 && !/(?<![\\a-z])[a-z]{3}/i.test(formula);
  return isFormula ? tight : null;
};

const figure = /(?<![\w.^{])-?\$?\d[\d,]*(?:\.\d+)?(?:\s*(?:\\times|×|\*)\s*10\s*\^\s*\{?-?\d+\}?)?/g;

const firstNumber = (text: string): string | null => numberAt(text, 0);

const lastNumber = (text: string): string | null => numberAt(text, -1);

const numberAt = (text: string, at: number): string | null => {
  const value = evaluate(plainFormula(text.match(figure)?.at(at) ?? ""));
  return value === null ? null : spell(value);
};

/** Twelve digits: binary residue must not make two answers of one. */
const spell = (value: number): string => String(Number(value.toPrecision(12)));

const plainFormula = (raw: string): string => {
  const text = raw
    .slice(0, 300)
    .replaceAll(/\\(?:text|mathrm|mbox|textbf|mathbf|operatorname)\s*\{([^{}]*)\}/g, " $1 ")
    .replaceAll(/\\(?:left|right|displaystyle|quad|qquad|ldotp|[,;!: ])/g, "")
    .replaceAll(/\\[dt]frac/g, "\\frac")
    .replaceAll(/\\frac\s*(\d)\s*(\d)/g, "\\frac{$1}{$2}")
    .replaceAll(/\\(?:times|cdot)|×|·/g, "*")
    .replaceAll(/\^\s*\{?\s*\\circ\s*\}?|°|\\degree/g, "")
    .replaceAll(/\\[%$()[\]]|[%$€£¥`]|\*\*|__/g, "")
    .replaceAll(/(\d)(?:,|\{,\})(?=\d{3}(?!\d))/g, "$1")
    .replaceAll(/[−–]/g, "-")
    .trim();
  return withoutWrapping(text.replace(/^(?:[a-z]|[a-z]\(\w\))\s*=\s*/i, "").replace(/[\s.;,:]+$/, ""));
};

/** Brackets around the whole are dropped unless they hold a pair or an interval. */
const withoutWrapping = (text: string): string => (/^\([^(),[\]]*\)$/.test(text) ? text.slice(1, -1).trim() : text);

const withoutUnits = (formula: string): string =>
  formula.replace(/^(-?[\d.][\d.\s*^{}/-]*?)\s*[a-z][a-z\s/^\d.]*$/i, "$1");

const decimal = String.raw`-?(?:\d+(?:\.\d*)?|\.\d+)`;
const patterns = {
  decimal: new RegExp(`^\\+?(${decimal})(?:e([+-]?\\d{1,3}))?$`, "i"),
  fraction: new RegExp(`^(-?)\\\\frac\\{\\s*(${decimal})\\s*\\}\\{\\s*(${decimal})\\s*\\}$`),
  ratio: new RegExp(`^(${decimal})\\s*/\\s*(${decimal})$`),
  mixed: new RegExp(`^(-?)(\\d+)\\s*\\\\frac\\{\\s*(\\d+)\\s*\\}\\{\\s*(\\d+)\\s*\\}$`),
  mixedRatio: /^(-?)(\d+)\s+(\d+)\/(\d+)$/,
  power: new RegExp(`^(?:(${decimal})\\s*\\*\\s*)?(${decimal})\\s*\\^\\s*\\{?\\s*(-?\\d{1,3})\\s*\\}?$`),
} as const;

const evaluate = (formula: string): number | null => {
  const text = formula.trim();
  const plain = patterns.decimal.exec(text);
  if (plain) return finite(Number(plain[1]) * 10 ** Number(plain[2] ?? 0));
  const fraction = patterns.fraction.exec(text);
  if (fraction) return finite(sign(fraction[1]) * (Number(fraction[2]) / Number(fraction[3])));
  const ratio = patterns.ratio.exec(text);
  if (ratio) return finite(Number(ratio[1]) / Number(ratio[2]));
  const mixed = patterns.mixed.exec(text) ?? patterns.mixedRatio.exec(text);
  if (mixed) return finite(sign(mixed[1]) * (Number(mixed[2]) + Number(mixed[3]) / Number(mixed[4])));
  const power = patterns.power.exec(text);
  if (power) return finite(Number(power[1] ?? 1) * Number(power[2]) ** Number(power[3]));
  return null;
};

const sign = (text: string | undefined): number => (text === "-" ? -1 : 1);

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);

const readShort = (text: string): string | null => {
  const found =
    lastGroup(text, /\[ANSWER\]([\s\S]{1,500}?)\[\/ANSWER\]/g) ??
    lastBoxed(text) ??
    lastGroup(text, /^\s*assert\b[^\n]*==\s*([^\n]{1,300})$/gm) ??
    lastGroup(text, announcedText) ??
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

/** Spacing and quotation marks do not count, so that `'x'`, `"x"` and x are one; case does, but in yes and no. */
const canonicalShort = (raw: string): string | null => {
  const trimmed = raw
    .trim()
    .replace(/^[`*_\s]+|[`*_\s]+$/g, "")
    .replace(/(?<=[\w)\]}"'])\.$/, "");
  const quoted = /^(["'“‘])(.*)["'”’]$/s.exec(trimmed);
  if (quoted?.[2] !== undefined && !/["']/.test(quoted[2])) return quoted[2].trim();
  const evened = trimmed.replaceAll(/["'“”‘’]/g, '"').replaceAll(/\s*([,:()[\]{}])\s*/g, "$1");
  if (evened === "") return null;
  if (patterns.decimal.test(evened)) return spell(Number(evened));
  return /^(?:yes|no|true|false|none)$/i.test(evened) ? evened.toLowerCase() : evened;
};

const maxJson = 262_144;

const readJson = (text: string): string | null => {
  if (text.length > maxJson) return null;
  const fenced = lastGroup(text, /```(?:json)?\s*\n([\s\S]*?)```/g);
  for (const candidate of [text, fenced, between(text, "{", "}"), between(text, "[", "]")]) {
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
