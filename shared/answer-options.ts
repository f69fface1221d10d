/** Whether a prompt offers lettered options of which one is to be chosen. */
const optionLine = /^[^\S\n]*(?:\(([A-Pa-p])\)|([A-P])\s?[.):]|([a-p])[.)])\s+\S[^\n]*/gm;
const maxAfterOptions = 1500;

/** Three options or more in alphabetical order from A, two when they stand at the end. */
export const hasOptions = (text: string): boolean => {
  if (isExam.test(text) || worksOnText.test(text)) return false;
  const lines = [...text.matchAll(optionLine)].map((match) => ({
    letter: match[1] ?? match[2] ?? match[3] ?? "",
    asks: match[0].trimEnd().endsWith("?"),
    end: match.index + match[0].length,
  }));
  return isChoice(text, lines, "A") || (asksWhich.test(text) && isChoice(text, lines, "a"));
};

/** Lettered parts of a task, each with its own points. */
const isExam = /[([]\s?(?:\d+x\d+=)?\d+\s*(?:points?|marks?)\s?[.)\]]/i;

const worksOnText =
  /^(?:please )?(?:summari[sz]e|translate|rewrite|rephrase|simplify|proofread|correct|edit)\b[^.\n]{0,40}\b(?:text|sentences?|paragraphs?|list|points?|notes?|bullets?|following|this|these)\b/i;

/** Lines from a) on are mostly parts of a task; they are options when one of them is asked for. */
const asksWhich = /\b(?:which|select|choose|pick)\b[^\n]*[?:.]/i;

const asksForMore = /\b(?:pros and cons|each of|for each|write|compare|summari[sz]e)\b/i;

type Line = {
  readonly letter: string;
  /** A part that asks something is a task of its own. */
  readonly asks: boolean;
  readonly end: number;
};

const isChoice = (text: string, lines: readonly Line[], first: string): boolean => {
  // A second list from A on makes an outline.
  if (lines.filter((line) => line.letter === first).length !== 1 || lines.some((line) => line.asks)) return false;
  const from = first.charCodeAt(0);
  const options = lines.reduce<readonly Line[]>(
    (found, line) => (line.letter.charCodeAt(0) === from + found.length ? [...found, line] : found),
    [],
  );
  const rest = text.slice(options.at(-1)?.end ?? 0);
  if (asksForMore.test(rest)) return false;
  return options.length >= 3
    ? rest.length <= maxAfterOptions
    : first === "A" && options.length === 2 && rest.length <= 200;
};
