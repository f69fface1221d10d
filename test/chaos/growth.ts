/**
 * How long a request waits for its tenant's object, and the tenant for its usage, as the tenant grows: the object's own
 * SQLite is filled between two runs of the system, with rows as it would have written them over a year.
 */
import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import * as z from "zod";
import { makeState, startSystem, type System } from "../support/start.ts";
import { startVendors } from "../support/vendors.ts";

export type GrowthSize = { readonly keys: number; readonly rows: number };

/** Milliseconds as the client sees them. */
type Spread = { readonly p50: number; readonly p95: number };

export type GrowthRow = GrowthSize & {
  /** The first request of a key that the edge does not know: its object is asked twice. */
  readonly coldRequest: Spread;
  /** Requests of a key that it knows. */
  readonly warmRequest: Spread;
  /** `GET /v1/usage`: a month by day. */
  readonly usage: Spread;
};

const adminKey = "admin-key-of-this-run";
const dayMs = 86_400_000;
const year = 365;
const model = "openai/gpt-6-luna";
const limits = { requests_per_minute: 1_000_000, concurrency: 10_000, usd_per_day: 1_000, usd_per_month: 10_000 };
const policy = JSON.stringify({ limits, scopes: ["answers", "usage"] });

export const runGrowth = async (
  sizes: readonly GrowthSize[],
  samples: number,
  tell: (row: GrowthRow) => void,
): Promise<readonly GrowthRow[]> => {
  await using vendors = await startVendors();
  await using state = await makeState();
  const stateDir = state.dir;
  const start = () =>
    startSystem({ stateDir, env: { ...vendors.env, ADMIN_KEY: adminKey, SHOAL_ADMIN_PER_MINUTE: "100000" } });
  const first = await start();
  const warmKey = await makeTenant(first);
  expectOk(await chat(first, warmKey), "the first request");
  await first.stop();

  const measured: GrowthRow[] = [];
  let reached: GrowthSize = { keys: 0, rows: 0 };
  for (const size of sizes) {
    const database = await openTenant(stateDir);
    addKeys(database, size.keys - reached.keys);
    addRows(database, reached, size);
    database.close();
    reached = size;
    const system = await start();
    const fresh: string[] = [];
    for (let index = 0; index < samples; index += 1) fresh.push(await makeKey(system));
    const row = { ...size, ...(await measure(system, { warmKey, fresh, samples })) };
    await system.stop();
    tell(row);
    measured.push(row);
  }
  return measured;
};

const makeTenant = async (system: System): Promise<string> => {
  await post(system, "/tenants", { id: "acme", name: "acme", limits });
  return makeKey(system, "warm");
};

const makeKey = async (system: System, name = "fresh"): Promise<string> => {
  const made = await post(system, "/tenants/acme/keys", { name, limits });
  return z.looseObject({ key: z.string() }).parse(made).key;
};

const post = async (system: System, place: string, body: object): Promise<unknown> => {
  const response = await fetch(`${system.url}/admin${place}`, {
    method: "POST",
    headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return expectOk(response, place).json();
};

const expectOk = (response: Response, what: string): Response => {
  if (!response.ok) throw new Error(`${what}: ${response.status}`);
  return response;
};

/** The file in which workerd keeps the one tenant's object. */
const openTenant = async (stateDir: string): Promise<DatabaseSync> => {
  const files = await readdir(stateDir, { recursive: true });
  const found = files.filter((file) => /-Tenant\/[0-9a-f]+\.sqlite$/.test(file));
  for (const file of found) {
    const database = new DatabaseSync(path.join(stateDir, file));
    const known = database.prepare("SELECT count(*) AS n FROM sqlite_master WHERE name = 'ledger'").get();
    const keys =
      known?.["n"] === 1 ? database.prepare("SELECT count(*) AS n FROM keys WHERE name = 'warm'").get() : null;
    if (keys?.["n"] === 1) return database;
    database.close();
  }
  throw new Error("the tenant's object is not to be found");
};

/** Keys that nobody holds. */
const addKeys = (database: DatabaseSync, count: number): void => {
  const insert = database.prepare(
    "INSERT INTO keys (id, hash, name, created_at, expires_at, policy) VALUES (?, ?, 'filled', 0, NULL, ?)",
  );
  database.exec("BEGIN");
  for (let index = 0; index < count; index += 1) {
    insert.run(randomBytes(4).toString("hex"), randomBytes(32).toString("hex"), policy);
  }
  database.exec("COMMIT");
};

/** Requests of all keys over the last year, each in the ledger, in the roll-ups of its day and in its key's spending. */
const addRows = (database: DatabaseSync, before: GrowthSize, { rows }: GrowthSize): void => {
  const ids = database
    .prepare("SELECT id FROM keys")
    .all()
    .map(({ id }) => String(id));
  const insert = database.prepare(
    `INSERT INTO ledger (request_id, key_id, at, model, worker, status, input_tokens, cached_input_tokens,
       cache_write_tokens, output_tokens, reasoning_tokens, cost, usage_source)
     VALUES (?, ?, ?, ?, ?, 'complete', 100, 0, 0, 20, 0, 7, 'reported')`,
  );
  const count = rows - before.rows;
  const now = Date.now();
  database.exec("BEGIN");
  for (let index = 0; index < count; index += 1) {
    const at = now - Math.floor(((count - index) / count) * year * dayMs);
    const key = ids[(index * 7_919) % ids.length] ?? "";
    insert.run(`filled${before.rows + index}`, key, at, model, model);
  }
  const filled = "FROM ledger WHERE request_id GLOB 'filled*'";
  const day = "strftime('%Y-%m-%d', at / 1000, 'unixepoch')";
  const sums = "count(*), count(*), sum(input_tokens), 0, 0, sum(output_tokens), 0, sum(cost)";
  database.exec(`
    DELETE FROM daily; DELETE FROM daily_all; DELETE FROM spending;
    INSERT INTO daily (day, key_id, model, worker, requests, calls, input_tokens, cached_input_tokens,
        cache_write_tokens, output_tokens, reasoning_tokens, cost)
      SELECT ${day} AS d, key_id, model, worker, ${sums} ${filled} GROUP BY d, key_id, model, worker;
    INSERT INTO daily_all (day, model, worker, requests, calls, input_tokens, cached_input_tokens, cache_write_tokens,
        output_tokens, reasoning_tokens, cost)
      SELECT ${day} AS d, model, worker, ${sums} ${filled} GROUP BY d, model, worker;
    INSERT INTO spending SELECT key_id, day, sum(cost) FROM daily GROUP BY key_id, day;
    INSERT INTO spending SELECT '', day, sum(cost) FROM daily_all GROUP BY day;
    COMMIT`);
};

type Measuring = { readonly warmKey: string; readonly fresh: readonly string[]; readonly samples: number };

const measure = async (system: System, { warmKey, fresh, samples }: Measuring) => {
  const warm = Array.from({ length: samples }, () => warmKey);
  // The isolate's own beginnings are nobody's growth.
  for (const key of warm.slice(0, 20)) expectOk(await chat(system, key), "a request");
  const usage = (key: string) => fetch(`${system.url}/v1/usage`, { headers: { authorization: `Bearer ${key}` } });
  return {
    warmRequest: await time(warm, (key) => chat(system, key)),
    coldRequest: await time(fresh, (key) => chat(system, key)),
    usage: await time(warm, usage),
  };
};

const chat = (system: System, key: string): Promise<Response> =>
  fetch(`${system.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model, max_tokens: 100, messages: [{ role: "user", content: "Name a fish." }] }),
  });

const time = async (keys: readonly string[], ask: (key: string) => Promise<Response>): Promise<Spread> => {
  const times: number[] = [];
  for (const key of keys) {
    const began = performance.now();
    const response = await ask(key);
    await expectOk(response, "a request").arrayBuffer();
    times.push(performance.now() - began);
  }
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round((sorted[Math.floor(share * sorted.length)] ?? 0) * 100) / 100;
  return { p50: at(0.5), p95: at(0.95) };
};
