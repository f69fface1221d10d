/** Whether a prompt asks for one number or formula. */
const quantity =
  "(?:sum|product|difference|quotient|value|total|number|area|volume|perimeter|circumference|probability|average|mean|median|ratio|percent|percentage|remainder|length|width|height|distance|speed|cost|price|profit|revenue|income|salary|amount|weight|mass|temperature|age|degree|measure|radius|diameter|angle|slope|sine|cosine|fraction|largest|smallest|greatest|least|maximum|minimum|magnitude|score|balance|capacity|budget|square root|cube root|factorial)";

export const quantityCue = new RegExp(
  String.raw`\bhow (?:many|much|far|old|tall|high|fast|wide|deep|heavy)\b|\bhow long (?:is|was|are)\b|\bhow long\b.{0,60}\bin (?:seconds|minutes|hours|days|weeks|months|years)\b|` +
    String.raw`\bwhat(?:['’]s| (?:is|was|are|were|will be|would be)) (?:(?:the|his|her|its|their) )?(?:(?!with |for |that |to )\w+ ){0,5}?${quantity}\b|` +
    String.raw`\bwhat(?:['’]s| (?:is|are)) \$|\b(?:compute|calculate|evaluate|solve for)\b|\b(?:find|determine|simplify)\b[^.?!\n]{0,80}?(?:\$|\b${quantity}\b|\b[a-z]\(|\bhow (?:many|much)\b)|\bexpress (?:your|the) answer\b|\bwhat (?:percent|fraction)`,
  "i",
);

/** Counting words of other languages, whose letters `\b` does not know. */
const foreignCue =
  /(?<!\p{L})(?:wie ?viele?|wie (?:hoch|gro(?:ß|ss)|schwer|weit|schnell|alt) (?:ist|sind|war)|combien|cuánt[oa]s?|quant[oaie]s?|сколько|hoeveel|hur m[åa]nga|ile)(?!\p{L})|多少|几个|幾|いくつ|いくら|何(?:個|人|本|枚|円|キロ|時間)|몇|얼마/iu;

/** What answers to advice, estimates and several questions at once have no common form. */
export const isOpen = (text: string): boolean =>
  /\b(?:should i|do i need|can i expect|would you|you think|is it worth|best|roughly|estimate|how (?:can|do|does|would|could|to) (?:i|we|you)|show me|(?:i am|i'm) trying to|i would like to|i need help|if i want|i want you to|the goal is)\b|\bexpress \S+ in\b|\bdifference between an? /i.test(
    text,
  ) ||
  asksForSeveral.test(text) ||
  (text.match(/\?(?=\s|$)/g)?.length ?? 0) > 1 ||
  /^[^\S\n]*\(?b[.)]\s|\(b\)/im.test(text);

const asksForSeveral = new RegExp(
  String.raw`\b(?:find|determine|calculate|compute|what (?:is|are)) (?:the )?${quantity} and (?:the )?${quantity}\b`,
  "i",
);

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

export const asksForFigure = (text: string): boolean => {
  if (isArithmetic.test(text) || isWordedArithmetic.test(text) || isEquation(text) || asksForNumber.test(text))
    return true;
  if (isOpen(text)) return false;
  return asksForYear.test(text) || isSum(text);
};

/** In a longer text the question has to stand at the end: what stands elsewhere is told, not asked. */
const maxShort = 700;
const questionEnd = 300;

/** A task of arithmetic or mathematics: a cue, and figures or formulas to work on. */
export const isSum = (text: string): boolean => {
  const question = text.length <= maxShort ? text : text.slice(-questionEnd);
  if (!quantityCue.test(question) && !foreignCue.test(question)) return false;
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
