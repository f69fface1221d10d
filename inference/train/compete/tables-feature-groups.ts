/** What is lost when training reads less than it does, or otherwise, on the set that has types to tell. */
import { defineTable } from "../tables/table.ts";
import { pricedSet } from "./contests.ts";
import { groupContestants } from "./feature-groups.ts";
import { standingsOf } from "./standings.ts";
import { intervalCell, reachedColumns, rowSchema, rowsOf } from "./table-rows.ts";

export const featureGroupsTable = defineTable({
  name: "feature-groups",
  row: rowSchema,
  compute: async ({ sets, embeddings }) => {
    const set = (await sets()).find(({ name }) => name === pricedSet);
    if (!set) throw new Error(`no recordings of ${pricedSet}`);
    const contestants = await groupContestants(set, await embeddings());
    return [
      ...rowsOf("CodeRouterBench, 8 workers", standingsOf(contestants, "whole")),
      ...rowsOf("the same without the instruction", standingsOf(contestants, "untold")),
    ];
  },
  columns: [
    { title: "recordings, pool", cell: (row) => row.set },
    { title: "types learnt from", cell: (row) => row.rule },
    ...reachedColumns,
    { title: "against everything, points [95 %]", cell: (row) => intervalCell(row.againstFirst) },
  ],
});
