/** A table of README: computed from recordings and weights into rows, rendered from rows as Markdown. */
import * as z from "zod";
import type { HeadJson } from "../../../shared/head.ts";
import type { Heads } from "../replay/contest.ts";
import type { Embeddings } from "../fit/embed.ts";
import type { HeldOut } from "../fit/held-out.ts";
import type { KnownSet } from "../recordings/known-sets.ts";
import type { Plot } from "../plot/plot.ts";

/** What tables are computed from. Reading and encoding happen when they are first asked for. */
export type Ground = {
  readonly heads: Heads;
  readonly sets: () => Promise<readonly KnownSet[]>;
  readonly embeddings: () => Promise<Embeddings>;
  /** What a head of this kind says of a set's prompts when it has not seen their problems; minutes of fitting. */
  readonly heldOut: (kind: HeadJson["kind"], set: string) => Promise<readonly HeldOut[]>;
};

export type Column<Row> = { readonly title: string; readonly cell: (row: Row) => string };

export type Table = {
  /** As in README's `<!-- tables:NAME -->`. */
  readonly name: string;
  /** Null when recordings that it needs are not there: what was computed before stands. */
  readonly compute: (ground: Ground) => Promise<readonly unknown[] | null>;
  /** Markdown of rows that were computed before. Throws when they are not this table's. */
  readonly render: (rows: unknown) => string;
  /** Drawn beside the results as NAME.svg and NAME.png. */
  readonly plots: (rows: unknown) => readonly NamedPlot[];
};

type NamedPlot = { readonly name: string; readonly plot: Plot };

export const defineTable = <Row>(table: {
  readonly name: string;
  readonly row: z.ZodType<Row>;
  readonly compute: (ground: Ground) => Promise<readonly Row[] | null>;
  readonly columns: readonly Column<Row>[];
  readonly plots?: (rows: readonly Row[]) => readonly NamedPlot[];
}): Table => ({
  name: table.name,
  compute: table.compute,
  render: (rows) => markdown(table.columns, z.array(table.row).parse(rows)),
  plots: (rows) => table.plots?.(z.array(table.row).parse(rows)) ?? [],
});

/** Cells padded as the formatter pads them, so that it leaves the table alone. */
const markdown = <Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string => {
  const cells = [columns.map(({ title }) => title), ...rows.map((row) => columns.map(({ cell }) => cell(row)))];
  const widths = columns.map((_, at) => Math.max(3, ...cells.map((line) => line[at]?.length ?? 0)));
  const rule = widths.map((width) => "-".repeat(width));
  const [head = [], ...body] = cells.map((line) => line.map((cell, at) => cell.padEnd(widths[at] ?? 0)));
  return [head, rule, ...body].map((line) => `| ${line.join(" | ")} |`).join("\n");
};

export const percent = (value: number): string => value.toFixed(1);

/** Dollars of a prompt, per 1,000 of them. */
export const dollars = (value: number): string => `$${(1000 * value).toFixed(2)}`;

export const interval = (row: { readonly difference: number; readonly low: number; readonly high: number }): string =>
  `${signed(row.difference)} [${minus(row.low)}, ${minus(row.high)}]`;

const signed = (value: number): string => `${value >= 0.05 ? "+" : ""}${minus(value)}`;

const minus = (value: number): string =>
  value
    .toFixed(1)
    .replace(/^-0\.0$/, "0.0")
    .replace("-", "−");
