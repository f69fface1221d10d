/** All texts of one set with their inner products, made once for every fold and candidate. */
import type { Rates } from "../../../shared/pricing.ts";
import { fitPrices } from "../fit/fit-prices.ts";
import { columnsOf, type Row, type Shape } from "../fit/linear.ts";
import { isReadable, type Prompt } from "../recordings/prompts.ts";

export type Text = {
  readonly prompt: Prompt;
  /** Index into the prompt's texts. */
  readonly reading: number;
  readonly text: string;
  /** One object for equal texts. */
  readonly row: Row;
};

export type Field = {
  readonly pool: readonly string[];
  readonly prices: ReadonlyMap<string, Rates>;
  readonly shape: Shape;
  readonly texts: readonly Text[];
  readonly textsOf: ReadonlyMap<Prompt, readonly number[]>;
  /** Inner products of all texts. */
  readonly gram: readonly Float64Array[];
  /** Those of their n-grams alone. */
  readonly ngramGram: readonly Float64Array[];
};

type Reading = { readonly pool: readonly string[]; readonly shape: Shape; readonly rowOf: (text: string) => Row };

export const openField = (prompts: readonly Prompt[], { pool, shape, rowOf }: Reading): Field => {
  const rows = new Map<string, Row>();
  const sameRow = (text: string): Row => {
    const row = rows.get(text) ?? rowOf(text);
    rows.set(text, row);
    return row;
  };
  const texts = prompts
    .filter(isReadable)
    .flatMap((prompt) => prompt.texts.map((text, reading): Text => ({ prompt, reading, text, row: sameRow(text) })));
  const textsOf = Map.groupBy(texts.keys(), (at) => texts[at]?.prompt);
  const ngramGram = gramOf(
    texts.map(({ row }) => ({ dense: null, sparse: row.sparse })),
    shape,
  );
  return {
    pool,
    prices: fitPrices(prompts),
    shape,
    texts,
    textsOf: new Map([...textsOf].flatMap(([prompt, list]) => (prompt ? [[prompt, list] as const] : []))),
    gram:
      shape.dense === 0
        ? ngramGram
        : gramOf(
            texts.map(({ row }) => row),
            shape,
          ),
    ngramGram,
  };
};

/** The field as its texts' vectors alone would show it. */
export const withoutNgrams = (field: Field): Field => ({
  ...field,
  gram: field.gram.map((line, at) => line.map((value, other) => value - (field.ngramGram[at]?.[other] ?? 0))),
});

export const withoutVectors = (field: Field): Field => ({ ...field, gram: field.ngramGram });

/** Each row is spread out once, so that no two sparse rows have to be merged. */
const gramOf = (rows: readonly Row[], shape: Shape): readonly Float64Array[] => {
  const gram = rows.map(() => new Float64Array(rows.length));
  const spread = new Float64Array(columnsOf(shape));
  for (const [at, row] of rows.entries()) {
    spread.fill(0);
    if (row.dense) spread.set(row.dense);
    if (row.sparse)
      for (const [place, index] of row.sparse.indices.entries())
        spread[shape.dense + index] = row.sparse.values[place] ?? 0;
    for (let other = 0; other <= at; other++) {
      const value = dotSpread(spread, rows[other], shape);
      gram[at]?.fill(value, other, other + 1);
      gram[other]?.fill(value, at, at + 1);
    }
  }
  return gram;
};

const dotSpread = (spread: Float64Array, row: Row | undefined, shape: Shape): number => {
  let sum = 0;
  if (row?.dense) for (let at = 0; at < shape.dense; at++) sum += (spread[at] ?? 0) * (row.dense[at] ?? 0);
  if (row?.sparse) {
    const { indices, values } = row.sparse;
    for (let at = 0; at < indices.length; at++)
      sum += (spread[shape.dense + (indices[at] ?? 0)] ?? 0) * (values[at] ?? 0);
  }
  return sum;
};
