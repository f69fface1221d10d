/**
 * Requests at once on a budget for fewer: every one costs what was reserved for it, to the micro-dollar. Whoever gets
 * through waits at the vendor until all others have been refused, so that nothing comes back meanwhile. Then clients may
 * leave, and the edge's process may be killed and started again on the same storage.
 */
import { setTimeout as delay } from "node:timers/promises";
import * as z from "zod";
import { countInput } from "../../shared/tokens.ts";
import { chatOf } from "../support/events.ts";
import { childrenOf } from "../support/processes.ts";
import { kill, makeState, startSystem, type System } from "../support/start.ts";
import { startVendors, type VendorCall } from "../support/vendors.ts";

export type MoneyOptions = {
  readonly requests: number;
  /** The budget pays for so many. */
  readonly affordable: number;
  readonly stream: boolean;
  /** Every so manieth client leaves after the first words; 0: none. */
  readonly leaves: number;
  /** Isolates of the edge that take the requests in turn. */
  readonly isolates: number;
  /** The edge's process is killed once half of the answers are complete. */
  readonly kill: boolean;
};

export type MoneyReport = MoneyOptions & {
  readonly passed: number;
  readonly refused: number;
  /** Rows of the ledger by status and source. */
  readonly rows: Readonly<Record<string, number>>;
  /** Micro-dollars: the budget, what the ledger says was spent, what the vendor counted. */
  readonly budget: number;
  readonly spent: number;
  readonly upstream: number;
  /** Milliseconds from the last request's opening until nothing was reserved any more. */
  readonly closedAfterMs: number;
  readonly closesWithinMs: number;
  /** Everything that is not as it should be, in words. */
  readonly wrong: readonly string[];
};

const adminKey = "admin-key-of-this-run";
const price = { input: 1, output: 2 };
const cap = 100;
/** A chunk has as many tokens as bytes: as many as any tokenizer could make of it. */
const chunk = "0123456789";
const chunks = cap / chunk.length;
const deadlines = { totalMs: 4_000, settleMs: 2_000, leaseMs: 10_000 };

const rowSchema = z.looseObject({
  request_id: z.string(),
  status: z.string(),
  usage_source: z.string(),
  cost_usd: z.number(),
});
const ledgerSchema = z.looseObject({ data: z.array(rowSchema), has_more: z.literal(false) });
const tenantSchema = z.looseObject({ spend: z.looseObject({ reserved_usd: z.number(), month_usd: z.number() }) });

const contentOf = (index: number) => `Request ${String(index).padStart(4, "0")}`;
const inputTokens = countInput(chatOf(contentOf(0))).bound;
/** What a whole answer costs, and what is reserved for it. */
const whole = inputTokens * price.input + cap * price.output;

/** One client's request, and how it went. */
type Outcome = {
  readonly index: number;
  /** Null: the connection was lost before an answer began. */
  readonly status: number | null;
  readonly requestId: string | null;
  readonly end: "complete" | "left" | "cut";
  readonly error: string;
};

export const runMoney = async (options: MoneyOptions): Promise<MoneyReport> => {
  await using vendors = await startVendors();
  await using state = await makeState();
  const start = () =>
    startSystem({
      stateDir: state.dir,
      env: {
        ...vendors.env,
        ADMIN_KEY: adminKey,
        SHOAL_ISOLATES: String(options.isolates),
        SHOAL_TOTAL_MS: String(deadlines.totalMs),
        SHOAL_SETTLE_MS: String(deadlines.settleMs),
        SHOAL_PROVIDERS: JSON.stringify([
          {
            name: "north",
            base_url: `${new URL(vendors.openai.baseUrl).origin}/host/v1`,
            api_key_env: "OPENAI_API_KEY",
            models: [{ id: "m1", context_tokens: 100_000, max_output_tokens: 4000, price, abilities: [] }],
          },
        ]),
      },
    });
  let system = await start();
  const gate = Promise.withResolvers<void>();
  let decided = 0;
  const decide = () => {
    decided += 1;
    if (decided === options.requests) gate.resolve();
  };
  vendors.openai.script(() => {
    decide();
    return {
      text: Array.from({ length: chunks }, () => chunk),
      usage: { inputTokens, cachedInputTokens: 0, outputTokens: cap, reasoningTokens: 0 },
      // At their own pace, so that some are complete while others run.
      chunkEveryMs: 60 + 10 * (decided % 10),
      beforeChunk: () => gate.promise,
    };
  });

  const budget = options.affordable * whole;
  const key = await makeKey(system, budget);
  let complete = 0;
  const half = Promise.withResolvers<void>();
  const onComplete = () => {
    complete += 1;
    if (complete * 2 >= options.affordable) half.resolve();
  };
  const began = Date.now();
  const asking = Array.from({ length: options.requests }, (_, index) => {
    const leaves = options.leaves > 0 && index % options.leaves === 0;
    return ask(
      { url: system.url, key, index, stream: options.stream, leaves },
      { gate: gate.promise, decide, onComplete },
    );
  });
  if (options.kill) {
    await Promise.race([half.promise, Promise.all(asking)]);
    await killEdge(system);
  }
  const outcomes = await Promise.all(asking);
  const lastOpening = Date.now();
  if (options.kill) {
    await system.ended;
    system = await start();
  }
  const closedAt = await whenNothingIsReserved(system);
  const rows = ledgerSchema.parse(await admin(system, "GET", "/tenants/acme/ledger?limit=5000")).data;
  await system.stop();
  return judge(options, {
    outcomes,
    rows,
    calls: vendors.calls(),
    budget,
    violations: vendors.violations.length,
    closedAfterMs: Math.max(0, closedAt - (options.kill ? began : lastOpening)),
  });
};

const admin = async (system: System, method: string, path: string, body?: object): Promise<unknown> => {
  const response = await fetch(`${system.url}/admin${path}`, {
    method,
    headers: { authorization: `Bearer ${adminKey}`, "content-type": "application/json" },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.json();
};

const makeKey = async (system: System, budget: number): Promise<string> => {
  const limits = { usd_per_month: budget / 1_000_000 };
  await admin(system, "POST", "/tenants", { id: "acme", name: "acme", limits });
  const made = await admin(system, "POST", "/tenants/acme/keys", { name: "first" });
  return z.looseObject({ key: z.string() }).parse(made).key;
};

type Asking = {
  readonly url: string;
  readonly key: string;
  readonly index: number;
  readonly stream: boolean;
  readonly leaves: boolean;
};

type Watch = { readonly gate: Promise<void>; readonly decide: () => void; readonly onComplete: () => void };

const ask = async (asking: Asking, { gate, decide, onComplete }: Watch): Promise<Outcome> => {
  const { url, key, index, stream, leaves } = asking;
  const leaving = new AbortController();
  let status: number | null = null;
  let requestId: string | null = null;
  const ended = (end: Outcome["end"], error = ""): Outcome => ({ index, status, requestId, end, error });
  // Who does not read a stream sees nothing to leave after: some time later, then.
  if (leaves && !stream) void gate.then(() => delay(40)).then(() => leaving.abort());
  try {
    const response = await fetch(`${url}/v1/chat/completions`, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body: JSON.stringify({
        model: "north/m1",
        max_tokens: cap,
        stream,
        messages: [{ role: "user", content: contentOf(index) }],
      }),
      signal: leaving.signal,
    });
    ({ status } = response);
    requestId = response.headers.get("x-request-id");
    if (status !== 200) {
      decide();
      return ended("complete", await response.text());
    }
    let text = "";
    for await (const bytes of response.body ?? []) {
      text += Buffer.from(bytes).toString();
      if (leaves && stream && text.includes(chunk)) {
        leaving.abort();
        return ended("left");
      }
    }
    onComplete();
    return ended(stream && !text.includes("[DONE]") ? "cut" : "complete");
  } catch (cause) {
    return ended(leaving.signal.aborted ? "left" : "cut", cause instanceof Error ? cause.message : "");
  }
};

const killEdge = async ({ pid }: System): Promise<void> => {
  const edge = (await childrenOf(pid)).find(({ command }) => command.includes("workerd"));
  if (!edge) throw new Error("the edge's process is not to be found");
  kill(edge.pid, "SIGKILL");
};

/** When the tenant's object has nothing reserved any more, in milliseconds since the epoch. */
const whenNothingIsReserved = async (system: System): Promise<number> => {
  const patience = Date.now() + 2 * (deadlines.totalMs + deadlines.settleMs);
  for (;;) {
    const { spend } = tenantSchema.parse(await admin(system, "GET", "/tenants/acme"));
    if (spend.reserved_usd === 0 || Date.now() > patience) return Date.now();
    await delay(50);
  }
};

const micro = (dollars: number): number => Math.round(dollars * 1_000_000);

type Facts = {
  readonly outcomes: readonly Outcome[];
  readonly rows: readonly z.infer<typeof rowSchema>[];
  readonly calls: readonly VendorCall[];
  readonly budget: number;
  readonly violations: number;
  readonly closedAfterMs: number;
};

const judge = (options: MoneyOptions, facts: Facts): MoneyReport => {
  const { outcomes, rows, calls, budget, closedAfterMs } = facts;
  const spent = rows.reduce((sum, row) => sum + micro(row.cost_usd), 0);
  const counts = new Map(calls.map((call) => [readContent(call), countOf(call)]));
  const upstream = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const passed = calls.length;
  const refused = outcomes.filter(({ status }) => status === 402).length;
  const cut = outcomes.filter(({ end }) => end === "cut").length;
  const closesWithinMs = deadlines.totalMs + deadlines.settleMs + deadlines.leaseMs;
  const wrong = [
    ...(passed === options.affordable ? [] : [`${passed} of ${options.affordable} reached the vendor`]),
    ...(passed + refused === options.requests ? [] : [`${passed} passed and ${refused} were refused`]),
    ...(spent <= budget ? [] : [`the ledger has ${spent} of ${budget}`]),
    ...(upstream <= budget ? [] : [`the vendor counted ${upstream} of ${budget}`]),
    ...(rows.length === passed ? [] : [`${rows.length} rows for ${passed} requests`]),
    ...(closedAfterMs <= closesWithinMs ? [] : [`reservations were open for ${closedAfterMs} ms`]),
    ...(cut === 0 || options.kill ? [] : [`${cut} answers were cut though nobody left`]),
    ...(facts.violations === 0 ? [] : [`the vendor would have refused ${facts.violations} requests`]),
    ...rows.flatMap((row) => {
      const cost = micro(row.cost_usd);
      const asked = outcomes.find(({ requestId }) => requestId === row.request_id);
      // Who left before the headers came cannot name its request: it was answered all the same, and to the end.
      const count = asked ? counts.get(contentOf(asked.index)) : whole;
      if (cost > whole) return [`${row.request_id}: ${cost} was charged, ${whole} reserved`];
      if (row.usage_source === "unknown") return cost === whole ? [] : [`${row.request_id}: ${cost} of a lost request`];
      if (count === undefined) return [`${row.request_id}: a row, and no call of the vendor's`];
      if (row.usage_source === "reported" && cost !== count)
        return [`${row.request_id}: ${cost}, the vendor counted ${count}`];
      return cost >= count ? [] : [`${row.request_id}: ${cost} is less than the vendor's ${count}`];
    }),
  ];
  const kinds = rows.map(({ status, usage_source }) => `${status}, ${usage_source}`);
  return {
    ...options,
    passed,
    refused,
    rows: Object.fromEntries(
      [...new Set(kinds)].toSorted().map((kind) => [kind, kinds.filter((it) => it === kind).length]),
    ),
    budget,
    spent,
    upstream,
    closedAfterMs,
    closesWithinMs,
    wrong,
  };
};

const bodySchema = z.looseObject({ messages: z.tuple([z.looseObject({ content: z.string() })]) });
const readContent = ({ body }: VendorCall): string => bodySchema.parse(body).messages[0].content;

/** Micro-dollars of the input, and of the chunks that the vendor has written. */
const countOf = ({ chunksAt }: VendorCall): number =>
  inputTokens * price.input + chunksAt.length * chunk.length * price.output;
