/** Rows that both tables of the competition are made of. */
import * as z from "zod";
import { dollars, interval, percent, type Column } from "../tables/table.ts";
import type { Standing } from "./standings.ts";

const reachedSchema = z.strictObject({ score: z.number(), dollars: z.number().nullable() });
const intervalSchema = z.strictObject({ difference: z.number(), low: z.number(), high: z.number() }).nullable();

export const rowSchema = z.strictObject({
  set: z.string(),
  rule: z.string(),
  quality: reachedSchema,
  balanced: reachedSchema,
  economy: reachedSchema,
  /** Against the first row of the set, at the balanced preference. */
  againstFirst: intervalSchema,
  againstBest: intervalSchema,
  /** Settings that inner folds chose, with how many outer folds chose them. */
  chosen: z.record(z.string(), z.number().int()),
});
type Row = z.infer<typeof rowSchema>;

/** The title stands in the first row alone. */
export const rowsOf = (title: string, standings: readonly Standing[]): readonly Row[] =>
  standings.map((standing, at) => ({
    set: at === 0 ? `${title}; n = ${standing.prompts.toLocaleString("en")}` : "",
    rule: standing.name,
    quality: reached(standing.at.quality),
    balanced: reached(standing.at.balanced),
    economy: reached(standing.at.economy),
    againstFirst: difference(standing.againstFirst),
    againstBest: difference(standing.againstBest),
    chosen: standing.chosen,
  }));

/** Percent at dollars per 1,000 prompts; where calls have no prices all preferences are one. */
export const reachedColumns: readonly Column<Row>[] = [
  { title: "quality", cell: ({ quality }) => cellOf(quality) },
  { title: "balanced", cell: ({ balanced }) => (balanced.dollars === null ? "" : cellOf(balanced)) },
  { title: "economy", cell: ({ economy }) => (economy.dollars === null ? "" : cellOf(economy)) },
];

export const intervalCell = (row: z.infer<typeof intervalSchema>): string => (row === null ? "" : interval(row));

const cellOf = ({ score, dollars: cost }: Row["quality"]): string =>
  cost === null ? percent(score) : `${percent(score)} at ${dollars(cost)}`;

const reached = ({ score, dollars: cost }: Standing["at"]["quality"]): Row["quality"] => ({
  score: round(score),
  dollars: cost === null ? null : round(cost),
});

const difference = (found: Standing["againstFirst"]): Row["againstFirst"] =>
  found && { difference: round(found.mean), low: round(found.low), high: round(found.high) };

const round = (value: number): number => Number(value.toPrecision(5));
