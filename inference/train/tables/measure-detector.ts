import type { Extractor } from "../../../shared/answers.ts";
import { detectExtractor } from "../../../shared/detect-extractor.ts";
import { promptKinds, type LabelledPrompt, type PromptKind } from "./labelled-prompts.ts";

/** How well the detector tells the prompts whose answers can be compared. Shares are 0 to 1. */
export type DetectorRow = {
  /** `ordinary` is chat and code together; `all` weighs the kinds as they are in the mix. */
  readonly kind: PromptKind | "ordinary" | "all";
  readonly half: LabelledPrompt["half"] | "both";
  readonly prompts: number;
  /** Labelled as comparable. */
  readonly comparable: number;
  /** Taken for comparable. */
  readonly detected: number;
  /** Of those taken for comparable, how many are, under the same extractor; null when none was. */
  readonly precision: number | null;
  /** Of those labelled as comparable, how many were found; null when there are none. */
  readonly recall: number | null;
};

/** A row for each kind of prompt and all of them, on each half of the labels and on both. */
export const measureDetector = (prompts: readonly LabelledPrompt[]): readonly DetectorRow[] => {
  const judged = prompts.map((prompt) => ({ prompt, found: detectExtractor(prompt.chat) }));
  return ([...promptKinds, "ordinary", "all"] as const).flatMap((kind) =>
    (["seen", "apart", "both"] as const).map((half) => {
      const part = judged.filter(({ prompt }) => isOf(kind, prompt.kind) && (half === "both" || prompt.half === half));
      return { kind, half, ...countsOf(part) };
    }),
  );
};

const isOf = (kind: DetectorRow["kind"], own: PromptKind): boolean =>
  kind === "all" || kind === own || (kind === "ordinary" && (own === "chat" || own === "code"));

const countsOf = (judged: readonly { readonly prompt: LabelledPrompt; readonly found: Extractor | null }[]) => {
  const comparable = judged.filter(({ prompt }) => prompt.label !== null).length;
  const detected = judged.filter(({ found }) => found !== null).length;
  const right = judged.filter(({ prompt, found }) => found !== null && found === prompt.label).length;
  return {
    prompts: judged.length,
    comparable,
    detected,
    precision: share(right, detected),
    recall: share(right, comparable),
  };
};

const share = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);
