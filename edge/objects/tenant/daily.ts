import { noUsage, type Usage } from "../../../shared/usage.ts";
import type { MicroDollars } from "../../../shared/pricing.ts";

/** What can be told apart in what a tenant has used. */
export const usageGroups = ["day", "key", "model", "worker"] as const;
export type UsageGroup = (typeof usageGroups)[number];

/** Calls to workers that are rolled up under one day (UTC), key, model and worker. */
export type DailyCall = {
  readonly at: number;
  readonly keyId: string;
  /** As the client named it. */
  readonly model: string;
  readonly worker: string;
  readonly usage: Usage;
  readonly cost: MicroDollars | null;
  /** A request counts with its first call. */
  readonly isFirst: boolean;
};

/** With keys, and without: what all keys used together is read in a time that does not grow with their number. */
const tables = ["daily", "daily_all"] as const;

/** Adds a call to the day's sums. */
export const addDaily = (sql: SqlStorage, call: DailyCall): void => addSums(sql, call, 1);

/** Undoes a call of which nothing but the cost was known. */
export const takeBackDaily = (
  sql: SqlStorage,
  call: Pick<DailyCall, "at" | "keyId" | "model" | "worker" | "cost">,
): void => addSums(sql, { ...call, usage: noUsage, isFirst: true }, -1);

const addSums = (sql: SqlStorage, call: DailyCall, sign: 1 | -1): void => {
  const { usage } = call;
  const sums = [
    sign * (call.isFirst ? 1 : 0),
    sign,
    usage.inputTokens,
    usage.cachedInputTokens,
    usage.cacheWriteTokens,
    usage.outputTokens,
    usage.reasoningTokens,
    sign * (call.cost ?? 0),
  ];
  for (const table of tables) {
    const place = [dayOf(call.at), ...(table === "daily" ? [call.keyId] : []), call.model, call.worker];
    const columns = table === "daily" ? "day, key_id, model, worker" : "day, model, worker";
    sql.exec(
      `INSERT INTO ${table} (${columns}, ${sumColumns.join(", ")})
       VALUES (${[...place, ...sums].map(() => "?").join(", ")})
       ON CONFLICT (${columns}) DO UPDATE SET ${sumColumns.map((name) => `${name} = ${name} + excluded.${name}`).join(", ")}`,
      ...place,
      ...sums,
    );
  }
};

const sumColumns = [
  "requests",
  "calls",
  "input_tokens",
  "cached_input_tokens",
  "cache_write_tokens",
  "output_tokens",
  "reasoning_tokens",
  "cost",
] as const;

/** Days as `2026-11-22`, both included. `after`: so many rows are left out. */
export type UsageQuery = {
  readonly from: string;
  readonly to: string;
  readonly groupBy: readonly UsageGroup[];
  readonly after: number;
  readonly limit: number;
};

/** The groups asked for are there, the others are absent. `cost` in micro-dollars. */
export type UsageRow = {
  readonly day?: string;
  readonly key_id?: string;
  readonly key_name?: string | null;
  readonly model?: string;
  readonly worker?: string;
} & Readonly<Record<(typeof sumColumns)[number], number>>;

const columnOf: Readonly<Record<UsageGroup, string>> = {
  day: "day",
  key: "key_id",
  model: "model",
  worker: "worker",
};

/** Reads roll-ups only, never the ledger: a request of days, whatever there was to do on them. */
export const readUsage = (sql: SqlStorage, { from, to, groupBy, after, limit }: UsageQuery): readonly UsageRow[] => {
  const columns = usageGroups.filter((group) => groupBy.includes(group)).map((group) => columnOf[group]);
  const byKey = columns.includes("key_id");
  const wanted = [...columns, ...(byKey ? ["(SELECT name FROM keys WHERE keys.id = key_id) AS key_name"] : [])];
  const sums = sumColumns.map((name) => `coalesce(sum(${name}), 0) AS ${name}`);
  return sql
    .exec<UsageRow>(
      `SELECT ${[...wanted, ...sums].join(", ")} FROM ${byKey ? "daily" : "daily_all"} WHERE day BETWEEN ? AND ?
       ${columns.length > 0 ? `GROUP BY ${columns.join(", ")} ORDER BY ${columns.join(", ")}` : ""} LIMIT ? OFFSET ?`,
      from,
      to,
      limit,
      after,
    )
    .toArray();
};

/** UTC. */
export const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10);
