/** The same held-out decisions with other ways to count what was not answered: missing, unreadable, failed. */
import * as z from "zod";
import { measuredSchema } from "../../../shared/head.ts";
import { preferenceTable } from "../../../shared/preference.ts";
import { firstTo, retryUnreadable } from "../replay/baselines.ts";
import { hasOutage, isRead, lacksSome } from "../replay/contest.ts";
import { fitPrices } from "../fit/fit-prices.ts";
import { trainingSeed } from "../fit/head-options.ts";
import type { HeldOut } from "../fit/held-out.ts";
import { playHeldOut, withBallots } from "../replay/measure-held-out.ts";
import { measure, type Measured } from "../replay/measure.ts";
import type { Prompt } from "../recordings/prompts.ts";
import { extractorOf, playSingle, type Played } from "../replay/replay.ts";
import { defineTable, dollars, interval, percent } from "./table.ts";

const rowSchema = measuredSchema.omit({ name: true }).extend({ scored: z.string(), rule: z.string() });
type VariantRow = z.infer<typeof rowSchema>;

type Variant = {
  readonly set: string;
  readonly title: string;
  readonly keeps: (prompt: Prompt, pool: readonly string[], best: string) => boolean;
};

const variants: readonly Variant[] = [
  { set: "mmlu_pro", title: "MMLU-Pro, all prompts", keeps: () => true },
  {
    set: "mmlu_pro",
    title: "those that every worker was asked",
    keeps: (prompt, pool) => !lacksSome(prompt, pool),
  },
  {
    set: "mmlu_pro",
    title: "and on which the best single worker could be read",
    keeps: (prompt, pool, best) => !lacksSome(prompt, pool) && isRead(prompt, best),
  },
  { set: "coderouterbench_idtest", title: "CodeRouterBench, outages count as wrong", keeps: () => true },
  {
    set: "coderouterbench_idtest",
    title: "without prompts on which a worker failed",
    keeps: (prompt, pool) => !hasOutage(prompt, pool),
  },
];

export const variantsTable = defineTable({
  name: "variants",
  row: rowSchema,
  compute: async ({ sets, heldOut }) => {
    const known = await sets();
    const rows = [];
    for (const { name, pools, recorded } of known) {
      const [pool] = pools;
      const wanted = variants.filter(({ set }) => set === name);
      if (!pool || wanted.length === 0) continue;
      const balloted = withBallots(await heldOut("encoder", name), trainingSeed);
      rows.push(...wanted.flatMap((variant) => rowsOf(variant, { pool, recorded, balloted })));
    }
    return rows;
  },
  columns: [
    { title: "prompts that are scored", cell: (row) => row.scored },
    { title: "rule", cell: (row) => row.rule },
    { title: "score", cell: (row) => percent(row.score) },
    { title: "$ per 1,000 or calls", cell: (row) => expense(row) },
    { title: "against the best single worker, points [95 %]", cell: (row) => interval(row) },
  ],
});

type Ground = {
  readonly pool: readonly string[];
  readonly recorded: readonly Prompt[];
  readonly balloted: readonly HeldOut[];
};

const rowsOf = ({ title, keeps }: Variant, { pool, recorded, balloted }: Ground): readonly VariantRow[] => {
  const order = orderOf(
    pool,
    recorded.filter((prompt) => prompt.texts.length > 0),
  );
  const best = order[0] ?? "";
  const entries = balloted.filter(({ prompt }) => keeps(prompt, pool, best));
  const prompts = entries.map(({ prompt }) => prompt);
  const baseline = prompts.map((prompt) => playSingle(prompt, best));
  const prices = fitPrices(recorded);
  const row = (rule: string, played: readonly Played[], at: number): VariantRow =>
    variantRow(at === 0 ? `${title}; n = ${prompts.length.toLocaleString("en")}` : "", {
      ...measure(rule, prompts, { played, baseline, seed: trainingSeed }),
    });
  const counting = prompts.some((prompt) => extractorOf(prompt) !== null)
    ? [
        { rule: "retry on unreadable", played: prompts.map(retryUnreadable(order)) },
        { rule: "first to 2", played: prompts.map(firstTo(2, order)) },
      ]
    : [];
  return [
    { rule: `best single, ${best}`, played: baseline },
    ...counting,
    ...Object.values(preferenceTable).map((preference) => ({
      rule: `Shoal, ${preference.name}`,
      played: entries.map((entry) => playHeldOut(entry, { preference, text: 0, pool, prices })),
    })),
  ].map(({ rule, played }, at) => row(rule, played, at));
};

const orderOf = (pool: readonly string[], prompts: readonly Prompt[]): readonly string[] => {
  const sums = new Map(
    pool.map((worker) => [worker, prompts.reduce((sum, prompt) => sum + (prompt.models[worker]?.correct ?? 0), 0)]),
  );
  return pool.toSorted((a, b) => (sums.get(b) ?? 0) - (sums.get(a) ?? 0));
};

const variantRow = (scored: string, { name, ...measured }: Measured): VariantRow => ({
  scored,
  rule: name,
  ...measured,
});

const expense = ({ costDollars, calls }: VariantRow): string =>
  costDollars === null ? `${calls.toFixed(2)} calls` : dollars(costDollars);
