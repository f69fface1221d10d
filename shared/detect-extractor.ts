/**
 * Which prompts have one comparable answer, decided before the first call. Conservative: none for prose, code, anything
 * with tools, and whenever in doubt, since a wrong guess wastes calls and a missed one only costs the gain of a vote.
 */
import type { Extractor } from "./answers.ts";
import { lastUserText, textOf, usesTools, type ChatRequest, type JsonSchema } from "./chat.ts";

/** How two right answers to the prompt can be found equal; null when they cannot. */
export const detectExtractor = (chat: ChatRequest): Extractor | null => {
  if (usesTools(chat)) return null;
  if (chat.output.type === "json_schema") return isClosed(chat.output.schema, maxSchemaDepth) ? "json" : null;
  if (chat.output.type === "json_object") return null;
  const text = lastUserText(chat.messages).trim();
  if (text.length > maxQuestion) return null;
  return detectInText(text) ?? (followsUp(text, chat) ? "number" : null);
};

/** Longer prompts carry a document: what is asked of it is seldom one value. */
const maxQuestion = 8000;

const detectInText = (text: string): Extractor | null => {
  if (hasOptions(text)) return "choice";
  if (asksForLiteral.test(text)) return "short";
  if (isWork(text)) return null;
  if (asksForVerdict.test(text)) return "short";
  return asksForFigure(text) ? "number" : null;
};

const asksForWork =
  /\b(?:explain|describe|discuss|write|rewrite|implement|refactor|debug|draft|compose|summari[sz]e|translate|essay|story|poem|email|code|script|brainstorm|ideas?|recommend|outline|why|opinion|prove|proof|available functions|pros and cons|guide me|walk me)\b|(?:^|[.!?]\s+)(?:list|plan|compare|suggest|review|derive|create)\b|\bdef \w+\(/i;

const isWork = (text: string): boolean => asksForWork.test(text) || readsInput(text) || text.includes("```");

/** `Input` and later `Output`: a programming problem. */
const readsInput = (text: string): boolean => {
  const input = text.search(/\binput\b/i);
  return input >= 0 && /\boutput\b/i.test(text.slice(input));
};

const literal =
  "(?:word|number|name|value|letter|literal|answer|date|year|integer|label|category|symbol|sentiment|class|language)";

const asksForLiteral = new RegExp(
  String.raw`\bcomplete the assertion with a literal\b|` +
    String.raw`\b(?:answer|respond|reply|output|return)(?: \w+){0,3} (?:only|just|with (?:only|just|exactly)?) ?(?:with )?(?:the |a |an |one |single )*${literal}\b|` +
    String.raw`\b(?:answer|respond|reply)(?: \w+){0,2} (?:in|with) (?:one|a single) word\b|\bjust the (?:word|name|symbol|letter|label)\b|` +
    String.raw`\b(?:answer|respond|reply|return|output) (?:with )?(?:only|just)(?: with| either)? ["'“‘][^"'”’\n]{1,20}["'”’] or ["'“‘]`,
  "i",
);

const asksForVerdict =
  /\b(?:yes or no|yes\/no|true or false|in one word|one[- ]word answer|single word)\b[^.?!]{0,40}[.?!]?\s*$|^(?:true or false|yes or no)[?:,]|(?<!\p{L})(?:ja oder nein|oui ou non|s[ií] o no|sim ou não|sì o no|да или нет|是或否|是还是否|はいかいいえ)(?!\p{L})/iu;

const quantity =
  "(?:sum|product|difference|quotient|value|total|number|area|volume|perimeter|circumference|probability|average|mean|median|ratio|percent|percentage|remainder|length|width|height|distance|speed|cost|price|profit|revenue|income|salary|amount|weight|mass|temperature|age|degree|measure|radius|diameter|angle|slope|sine|cosine|fraction|largest|smallest|greatest|least|maximum|minimum|magnitude|score|balance|capacity|budget|square root|cube root|factorial)";

const sumCue = new RegExp(
  String.raw`\bhow (?:many|much|far|old|tall|high|fast|wide|deep|heavy)\b|\bhow long (?:is|was|are)\b|\bhow long\b.{0,60}\bin (?:seconds|minutes|hours|days|weeks|months|years)\b|` +
    String.raw`\bwhat(?:['’]s| (?:is|was|are|were|will be|would be)) (?:(?:the|his|her|its|their) )?(?:\w+ ){0,5}?${quantity}\b|` +
    String.raw`\bwhat(?:['’]s| (?:is|are)) \$|\b(?:compute|calculate|evaluate|solve for|find|determine|simplify)\b|\bexpress (?:your|the) answer\b|\bwhat (?:percent|fraction)`,
  "i",
);

/** Counting words of other languages, whose letters `\b` does not know. */
const foreignCue =
  /(?<!\p{L})(?:wie ?viele?|wie (?:hoch|gro(?:ß|ss)|schwer|weit|schnell|alt) (?:ist|sind|war)|combien|cuánt[oa]s?|quant[oaie]s?|сколько|hoeveel|hur m[åa]nga|ile)(?!\p{L})|多少|几个|幾|いくつ|いくら|何(?:個|人|本|枚|円|キロ|時間)|몇|얼마/iu;

/** What answers to advice, estimates and several questions at once have no common form. */
const isOpen = (text: string): boolean =>
  /\b(?:should i|do i need|can i expect|would you|you think|is it worth|best|roughly|estimate|how (?:can|do|does|would|could|to) (?:i|we|you)|show me)\b|\bexpress \S+ in\b|\bdifference between an? /i.test(
    text,
  ) ||
  (text.match(/\?(?=\s|$)/g)?.length ?? 0) > 1 ||
  /^\s*\(?b[.)]\s/im.test(text);

/** `What is 12 * 12?` and no more than that. */
const isArithmetic =
  /^(?:(?:what(?:['’]s| is)|calculate|compute|how much is)\s+)?[-(\s]*\d[\d.,()\s]*[-+*/×÷^%][-+*/×÷^%\d.,()\s]*\d[)\s]*[=?.]*$/i;

/** `18 % of 64.50`, `2 to the power of 16`: figures with words of arithmetic between them. */
const isWordedArithmetic =
  /^(?:what(?:['’]s| is)|how much is|calculate)\s+\$?\d[\d.,]*\s*(?:%|percent|plus|minus|times|to the|divided|multiplied|squared|cubed)[\w\s%.,$-]{0,60}[?.]?$/i;

/** `solve 3x - 7 = 2x + 9`: an equation and hardly a word. */
const isEquation = (text: string): boolean =>
  text.length <= 100 &&
  /^(?:please )?solve\b[^=]*=[^=]*$/i.test(text) &&
  (text.match(/[a-z]{3,}/gi)?.length ?? 0) <= 4 &&
  /\d/.test(text);

const asksForNumber =
  /\b(?:answer|result|reply|respond)(?: \w+){0,3} (?:as|with|in) (?:a |an |one |the )?(?:single |whole )?(?:number|integer|decimal|fraction|figure)\b|\bjust the number\b/i;

const asksForYear = /^(?:in )?(?:what|which) year (?:did|was|were|is|do|does|has)\b[^?\n]{3,120}\??$/i;

const asksForFigure = (text: string): boolean => {
  if (isArithmetic.test(text) || isWordedArithmetic.test(text) || isEquation(text) || asksForNumber.test(text))
    return true;
  if (isOpen(text)) return false;
  return asksForYear.test(text) || isSum(text);
};

/** A task of arithmetic or mathematics: a cue, and figures or formulas to work on. */
const isSum = (text: string): boolean => {
  const foreign = foreignCue.test(text);
  if (!foreign && !sumCue.test(text)) return false;
  const formulas = /\$[^$]*[\\^=_{][^$]*\$|\\(?:frac|sqrt|boxed|sum|int|begin)|[=^]/.test(text);
  return formulas || figuresIn(text) >= 2 || isSquareRoot.test(text);
};

const isSquareRoot = /^what(?:['’]s| is) the (?:square|cube) root of [\d.,]+\??$/i;

/** Figures that count something: `5G` and `401k` are names. */
const figuresIn = (text: string): number =>
  (text.match(/(?<![a-zA-Z\d.,])\d[\d.,]*(?!\p{Lu}|k\b)/gu)?.length ?? 0) +
  (text.match(/\b(?:two|three|four|five|six|seven|eight|nine|ten|twice|half|dozen|third|double[ds]?|triple[ds]?)\b/gi)
    ?.length ?? 0) +
  (text.match(/[两三四五六七八九十百]倍|半分|doppelt|hälfte|moitié|mitad|metade/giu)?.length ?? 0);

const maxFollowUp = 300;

/** A short turn that goes on with a question whose answer was a number: `and 20 % of 95?` */
const followsUp = (text: string, chat: ChatRequest): boolean => {
  if (text === "" || text.length > maxFollowUp || isWork(text) || isOpen(text)) return false;
  const before = chat.messages.filter((message) => message.role === "user").at(-2);
  const earlier = before ? textOf(before).trim() : "";
  if (earlier === "" || earlier.length > maxQuestion) return false;
  if (detectInText(earlier) === "number" && goesOn.test(text)) return true;
  return !isWork(earlier) && !isOpen(earlier) && asksHowMuch(text) && isSum(`${earlier}\n${text}`);
};

const goesOn = /^(?:and|what about|how about|now)\b[^]*\d/i;

/** A question for a quantity; `and per week` leaves the words to the turn before. */
const asksHowMuch = (text: string): boolean => sumCue.test(text) || /^and (?:per|a|in|for|with)\b/i.test(text);

const optionLine = /^\s*(?:\(([A-Pa-p])\)|([A-P])\s?[.):]|([a-p])[.)])\s+\S/gm;
const maxOptionText = 1500;

/** Three options or more in alphabetical order from A, two when they stand at the end. */
const hasOptions = (text: string): boolean => {
  const matches = [...text.matchAll(optionLine)];
  return isChoice(text, matches, "A") || (asksWhich.test(text) && isChoice(text, matches, "a"));
};

/** Lines from a) on are mostly parts of a task; they are options when one of them is asked for. */
const asksWhich = /\b(?:which|select|choose|pick)\b[^\n]*[?:.]/i;

const worksOnText =
  /^(?:please )?(?:summari[sz]e|translate|rewrite|proofread|correct|edit)\b[^.\n]{0,40}\b(?:text|sentences?|paragraphs?|list|points?|notes?|following|this|these)\b/i;

const isChoice = (text: string, matches: readonly RegExpExecArray[], first: string): boolean => {
  let expected = first.charCodeAt(0);
  let end = 0;
  for (const match of matches) {
    const letter = (match[1] ?? match[2] ?? match[3] ?? "").charCodeAt(0);
    if (letter !== expected) continue;
    expected++;
    end = match.index + match[0].length;
  }
  const options = expected - first.charCodeAt(0);
  const rest = text.slice(end);
  const tail = rest.slice(rest.indexOf("\n") + 1 || rest.length);
  if (worksOnText.test(text)) return false;
  if (/\b(?:pros and cons|each of|for each|write|compare|summari[sz]e)\b/i.test(tail)) return false;
  if (options >= 3) return rest.length <= maxOptionText;
  return first === "A" && options === 2 && rest.length <= 200;
};

const maxSchemaDepth = 8;

const isNode = (value: unknown): value is JsonSchema => typeof value === "object" && value !== null;

/** Whether every leaf of a schema takes numbers, truth values, dates or listed values only: free text never agrees. */
const isClosed = (node: unknown, depth: number): boolean => {
  if (depth === 0 || !isNode(node)) return false;
  if (Array.isArray(node["enum"]) || "const" in node) return true;
  const alternatives = node["anyOf"] ?? node["oneOf"];
  if (Array.isArray(alternatives)) return alternatives.every((alternative) => isClosed(alternative, depth - 1));
  const { type } = node;
  if (Array.isArray(type)) return type.every((one) => isClosed({ ...node, type: one }, depth - 1));
  switch (type) {
    case "number":
    case "integer":
    case "boolean":
    case "null":
      return true;
    case "string":
      return node["format"] === "date";
    case "array":
      return isClosed(node["items"], depth - 1);
    case "object": {
      const { properties } = node;
      if (!isNode(properties)) return false;
      const fields = Object.values(properties);
      return fields.length > 0 && fields.every((field) => isClosed(field, depth - 1));
    }
    default:
      return false;
  }
};
