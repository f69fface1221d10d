/** Ways to learn who is good at what, by nested cross-validation: what wins ships. */
import { defineTable } from "../tables/table.ts";
import { contestsOf } from "./contests.ts";
import { intervalCell, reachedColumns, rowSchema, rowsOf } from "./table-rows.ts";

export const candidatesTable = defineTable({
  name: "candidates",
  row: rowSchema,
  compute: async ({ sets, embeddings }) => {
    const vectors = await embeddings();
    const contests = (await sets()).flatMap((set) => contestsOf(set, vectors));
    return contests.flatMap(({ title, standings }) => rowsOf(title, standings));
  },
  columns: [
    { title: "recordings, pool", cell: (row) => row.set },
    { title: "learnt by", cell: (row) => row.rule },
    ...reachedColumns,
    { title: "against what ships, points [95 %]", cell: (row) => intervalCell(row.againstFirst) },
    { title: "against the best single worker", cell: (row) => intervalCell(row.againstBest) },
    { title: "settings most often chosen", cell: ({ chosen }) => chosenCell(chosen) },
  ],
});

/** The settings that most outer folds got, with how many. */
const chosenCell = (chosen: Readonly<Record<string, number>>): string => {
  const [first] = Object.entries(chosen).toSorted(([, a], [, b]) => b - a);
  const folds = Object.values(chosen).reduce((sum, count) => sum + count, 0);
  return first ? `${first[0]} (${first[1]} of ${folds})` : "";
};
