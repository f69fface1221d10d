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

/** What is summed up; `cost` in micro-dollars. */
export const sumColumns = [
  "requests",
  "calls",
  "input_tokens",
  "cached_input_tokens",
  "cache_write_tokens",
  "output_tokens",
  "reasoning_tokens",
  "cost",
] as const;

/** Calls summed up, to be added to the roll-ups at once. */
export type DailySums = {
  add(call: DailyCall): void;
  /** Undoes a call of which nothing but the cost was known. */
  takeBack(call: Pick<DailyCall, "at" | "keyId" | "model" | "worker" | "cost">): void;
  write(sql: SqlStorage): void;
};

type Place = readonly [day: string, keyId: string, model: string, worker: string];

export const createDailySums = (): DailySums => {
  const sums = new Map<string, { readonly place: Place; readonly counts: number[] }>();
  const count = ({ at, keyId, model, worker, usage, cost, isFirst }: DailyCall, sign: 1 | -1): void => {
    const place: Place = [dayOf(at), keyId, model, worker];
    const name = JSON.stringify(place);
    const { counts } = sums.get(name) ?? { counts: sumColumns.map(() => 0) };
    sums.set(name, { place, counts });
    const more = [
      sign * (isFirst ? 1 : 0),
      sign,
      usage.inputTokens,
      usage.cachedInputTokens,
      usage.cacheWriteTokens,
      usage.outputTokens,
      usage.reasoningTokens,
      sign * (cost ?? 0),
    ];
    more.forEach((by, column) => (counts[column] = (counts[column] ?? 0) + by));
  };
  return {
    add: (call) => count(call, 1),
    takeBack: (call) => count({ ...call, usage: noUsage, isFirst: true }, -1),
    write(sql) {
      for (const { place, counts } of sums.values()) {
        const [day, , model, worker] = place;
        sql.exec(addByKey, ...place, ...counts);
        sql.exec(addForAll, day, model, worker, ...counts);
      }
    },
  };
};

/** With keys, and without: what all keys used together is read in a time that does not grow with their number. */
const addTo = (table: "daily" | "daily_all", place: readonly string[]): string => {
  const columns = [...place, ...sumColumns];
  return `INSERT INTO ${table} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})
   ON CONFLICT (${place.join(", ")}) DO UPDATE SET ${sumColumns.map((name) => `${name} = ${name} + excluded.${name}`).join(", ")}`;
};
const addByKey = addTo("daily", ["day", "key_id", "model", "worker"]);
const addForAll = addTo("daily_all", ["day", "model", "worker"]);

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
