import * as z from "zod";
import { toLoggedAnswer, type Estimate, type Evaluation, type LoggedAnswer } from "../../../shared/doubly-robust.ts";
import { readJsonLines } from "../recordings/json-lines.ts";

const share = z.number().min(0).max(1);

/** What `GET /admin/tenants/{tenant}/feedback` adds to a recording. */
const exportedSchema = z.object({
  id: z.string().min(1),
  feedback: z.object({
    worker: z.string(),
    best: z.string().nullable(),
    drawn: z.object({ worker: z.string(), propensities: z.record(z.string(), share) }).nullable(),
    foreseen: z.record(z.string(), z.object({ quality: z.number(), corrected: z.number() })),
    scores: z.array(z.object({ about: z.string().nullable(), score: share })),
  }),
});

type Read = { readonly scored: number; readonly logged: readonly LoggedAnswer[] };

/** Exported feedback. Throws with file, line and field of the first thing that does not fit. */
export const readFeedback = async (files: readonly string[]): Promise<Read> => {
  const sets = await Promise.all(files.map((file) => readJsonLines(file, exportedSchema)));
  const answers = sets.flatMap(({ rows }) => rows);
  return { scored: answers.length, logged: answers.flatMap(({ feedback }) => logOf(feedback) ?? []) };
};

/** An answer counts once, however many keys have scored it. */
const logOf = ({ scores, ...decided }: z.infer<typeof exportedSchema>["feedback"]): LoggedAnswer | null => {
  const whole = scores.filter(({ about }) => about === null);
  if (whole.length === 0) return null;
  return toLoggedAnswer(decided, whole.reduce((sum, { score }) => sum + score, 0) / whole.length);
};

/** In words and figures: scores with their intervals of 95 %, or why there are none. */
export const writeComparison = (
  evaluation: Evaluation,
  { baseline, scored }: { readonly baseline: string; readonly scored: number },
): string => {
  const { answers, usable } = evaluation;
  const ground = `${scored} scored answers, ${answers} with a logged draw, ${usable} where both could have been drawn`;
  if (!evaluation.identified) return `${ground}\nno estimate: ${evaluation.reason}`;
  return [
    ground,
    `conductor: ${writeEstimate(evaluation.conductor)}`,
    `${baseline}: ${writeEstimate(evaluation.baseline)}`,
    `difference: ${writeInterval(evaluation.difference)}`,
  ].join("\n");
};

const writeEstimate = (estimate: Estimate): string =>
  `${writeInterval(estimate)}, effective sample size ${estimate.effectiveSampleSize.toFixed(1)}`;

const writeInterval = ({ value, low, high }: Omit<Estimate, "effectiveSampleSize">): string =>
  `${value.toFixed(4)} [${low.toFixed(4)}, ${high.toFixed(4)}]`;
