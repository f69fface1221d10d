/** Rules that Shoal is compared with, on the same prompts: those that learn are held out by problem in five folds. */
import * as z from "zod";
import { measuredSchema } from "../../../shared/head.ts";
import { isPriced, lacksSome, openContest, type Contest } from "../replay/contest.ts";
import { bestSingleRow, comparedRules } from "../replay/contestants.ts";
import { rowOf, type Row } from "../evaluate/report.ts";
import { defineTable, dollars, interval, percent } from "./table.ts";

const rowSchema = measuredSchema.omit({ name: true, prompts: true }).extend({ set: z.string(), rule: z.string() });
type CompetitionRow = z.infer<typeof rowSchema>;

export const competitionTable = defineTable({
  name: "competition",
  row: rowSchema,
  compute: async ({ heads, sets, embeddings }) => {
    const known = await sets();
    const vectors = await embeddings();
    return known.flatMap(({ name, pools, prompts }) =>
      pools.flatMap((pool) => {
        const complete = prompts.filter((prompt) => !lacksSome(prompt, pool));
        const parts = {
          pool,
          prompts: complete,
          training: prompts,
          heads,
          embeddings: vectors,
          ultra: true,
          instruction: true,
        };
        const rows = comparedWith(openContest(parts));
        return rows.map((row, at) => competitionRow(at === 0 ? titleOf(name, pool, complete.length) : "", row));
      }),
    );
  },
  columns: [
    { title: "recordings, pool", cell: (row) => row.set },
    { title: "rule", cell: (row) => row.rule },
    { title: "score", cell: (row) => percent(row.score) },
    { title: "$ per 1,000", cell: ({ costDollars }) => (costDollars === null ? "" : dollars(costDollars)) },
    { title: "calls", cell: (row) => row.calls.toFixed(2) },
    { title: "against the best single worker, points [95 %]", cell: (row) => interval(row) },
  ],
});

const titles: Readonly<Record<string, string>> = {
  coderouterbench_idtest: "CodeRouterBench",
  zeroeval: "ZeroEval",
  mmlu_pro: "MMLU-Pro",
};

const titleOf = (set: string, pool: readonly string[], prompts: number): string =>
  `${titles[set] ?? set}, ${pool.length} workers; n = ${prompts.toLocaleString("en")}`;

/** One worker for each prompt is what the first set is about, several answers what the others are. */
const comparedWith = (contest: Contest): readonly Row[] =>
  [bestSingleRow(contest), ...comparedRules(contest)]
    .filter(({ name }) => isPriced(contest) || !["told-type-table", "ridge", "knn"].includes(name))
    .map((contestant) => rowOf(contest, contestant));

const competitionRow = (set: string, row: Row): CompetitionRow => ({
  set,
  rule: row.workers
    ? `${row.name.replaceAll("-", " ")}, ${Object.keys(row.workers).join()}`
    : row.name.replaceAll("-", " "),
  score: row.score,
  costDollars: row.cost,
  calls: row.calls,
  difference: row.diff,
  low: row.lo,
  high: row.hi,
});
