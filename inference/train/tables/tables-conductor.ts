/** What the conductor gets right, from the measurements that the weights carry in their header. */
import * as z from "zod";
import { measuredSchema } from "../../../shared/head.ts";
import type { Heads } from "../replay/contest.ts";
import { defineTable, dollars, interval, percent } from "./table.ts";

const rowSchema = measuredSchema.omit({ name: true, prompts: true }).extend({
  set: z.string(),
  rule: z.string(),
  /** Whether it is the row that the others are compared with. */
  baseline: z.boolean(),
});
type ConductorRow = z.infer<typeof rowSchema>;

type Wanted = {
  readonly set: string;
  readonly rule: string;
  readonly head: keyof Heads;
  /** How the measurement's name begins. */
  readonly measured: string;
};

const crb = "coderouterbench_idtest, 8 workers";

const ultra = (set: string, pool: string): readonly Wanted[] => [
  { set, rule: "best single", head: "encoder", measured: `${pool}, best single` },
  ...["quality", "balanced", "economy"].map((preference): Wanted => ({
    set: "",
    rule: `\`shoal-ultra\` ${preference}`,
    head: "encoder",
    measured: `${pool}, ${preference}`,
  })),
];

const wanted: readonly Wanted[] = [
  {
    set: "CodeRouterBench, coding prompts, 8 workers of 2026",
    rule: "best single",
    head: "encoder",
    measured: `${crb}, best single`,
  },
  { set: "", rule: "`shoal-mini` quality", head: "encoder", measured: `${crb}, quality` },
  { set: "", rule: "`shoal-mini` balanced", head: "encoder", measured: `${crb}, balanced` },
  { set: "", rule: "`shoal-mini` economy", head: "encoder", measured: `${crb}, economy` },
  { set: "", rule: "edge head, balanced", head: "edge", measured: `${crb}, balanced` },
  {
    set: "the same without the instruction line, which nearly names the task",
    rule: "`shoal-mini` quality",
    head: "encoder",
    measured: `${crb}, quality, without instruction`,
  },
  { set: "", rule: "`shoal-mini` balanced", head: "encoder", measured: `${crb}, balanced, without instruction` },
  { set: "", rule: "edge head, balanced", head: "edge", measured: `${crb}, balanced, without instruction` },
  ...ultra("ZeroEval, reasoning problems, 8 near-equal workers of 2024", "zeroeval, 8 workers"),
  ...ultra("the same and o1-mini, which dominates", "zeroeval, 9 workers"),
  ...ultra("MMLU-Pro, questions with ten choices, 5 workers", "mmlu_pro, 5 workers"),
];

export const conductorTable = defineTable({
  name: "conductor",
  row: rowSchema,
  compute: ({ heads }) => Promise.resolve(wanted.map((row) => measuredRow(row, heads))),
  columns: [
    { title: "recordings, pool", cell: (row) => row.set },
    { title: "rule", cell: (row) => row.rule },
    { title: "score", cell: (row) => percent(row.score) },
    { title: "$ per 1,000 or calls", cell: (row) => expense(row) },
    { title: "against the best single worker, points [95 %]", cell: (row) => (row.baseline ? "" : interval(row)) },
  ],
});

const measuredRow = ({ set, rule, head, measured }: Wanted, heads: Heads): ConductorRow => {
  const baseline = rule === "best single";
  const found = heads[head].trained.measured.find(({ name }) =>
    baseline ? name.startsWith(`${measured} (`) : name === measured,
  );
  if (!found) throw new Error(`the weights of the ${head} head carry no measurement named "${measured}"`);
  const worker = /\((.*)\)$/.exec(found.name)?.[1];
  return {
    set: set === "" ? "" : `${set}; n = ${found.prompts.toLocaleString("en")}`,
    rule: baseline ? `best single, ${worker}` : rule,
    score: found.score,
    costDollars: found.costDollars,
    calls: found.calls,
    difference: found.difference,
    low: found.low,
    high: found.high,
    baseline,
  };
};

const expense = ({ costDollars, calls }: ConductorRow): string => {
  if (costDollars !== null) return dollars(costDollars);
  return calls === 1 ? "1 call" : `${calls.toFixed(2)} calls`;
};
