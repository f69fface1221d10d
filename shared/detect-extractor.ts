/**
 * Which prompts have one comparable answer, decided before the first call. Conservative: none for prose, code, anything
 * with tools, and whenever in doubt, since a wrong guess wastes calls and a missed one only costs the gain of a vote.
 */
import { asksForFigure, isOpen, isSum, quantityCue } from "./answer-figures.ts";
import { hasOptions } from "./answer-options.ts";
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
  /\b(?:explain|describe|discuss|write|rewrite|implement|refactor|debug|draft|compose|summari[sz]e|translate|essay|story|poem|email|code|script|brainstorm|ideas?|recommend|outline|why|opinion|prove|proof|available functions|pros and cons|guide me|walk me|help me|can you provide|rephrase|assumptions|sql|csv|query|data ?set|data ?frame|python|javascript|c\+\+|spreadsheet)(?!\w)|(?:^|[.!?:]\s+|\n[^\S\n]*)(?:list|plan|compare|suggest|review|derive|create|prepare|distinguish|identify the)\b|\bdef \w+\(/i;

const asksForForeignWork =
  /总结|概括|写一|写出|生成|解释|翻译|建议|改写|要約|説明|翻訳|書いて|요약|설명|(?<!\p{L})(?:schreib|erklär|übersetz|zusammenfass|écri[stv]|expli[qc]|tradui|résum|escrib|traduc|resum|напиши|объясни|переведи)/iu;

const isWork = (text: string): boolean =>
  asksForWork.test(text) || asksForForeignWork.test(text) || readsInput(text) || text.includes("```");

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
const asksHowMuch = (text: string): boolean => quantityCue.test(text) || /^and (?:per|a|in|for|with)\b/i.test(text);

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
