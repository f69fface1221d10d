/**
 * Two tenants send the same requests at random for a while: answers with and without streaming, stored responses,
 * conversations, cached and scored ones, each also trying what is the other's. Every answer of a vendor is one of its
 * own, so that whatever passes from one tenant to the other is seen.
 */
import * as z from "zod";
import { startSystem } from "../support/start.ts";
import { startVendors, vendorNames } from "../support/vendors.ts";

export type IsolationReport = {
  readonly requests: number;
  readonly cacheHits: number;
  readonly attempts: number;
  /** Everything of one tenant that the other got, in words. */
  readonly leaks: readonly string[];
};

type TenantName = "north" | "south";
const otherOf = { north: "south", south: "north" } as const;

/** What each may use and wants: two tenants never share a worker, so an answer shows whose rules it was made by. */
const policies = {
  north: { allowed_workers: ["openai/gpt-6-luna"], preference: "economy" },
  south: { allowed_workers: ["anthropic/claude-opus-4-6"], preference: "quality" },
} as const;

const traceSchema = z.looseObject({ tenant: z.string(), plan: z.looseObject({ workers: z.array(z.string()) }) });
const usageSchema = z.looseObject({ total: z.looseObject({ requests: z.number(), cost_usd: z.number() }) });
const answerSchema = z.looseObject({ id: z.string(), usage: z.looseObject({ cost: z.number() }) });

/** A generator of numbers from 0 to 1 that gives the same ones for the same seed (mulberry32). */
const createRandom = (seed: number) => {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
};

/** A tenant's log keeps so many of the newest stored turns at least. */
const recent = 1_000;

const adminKey = "admin-key-of-this-run";

export const runIsolation = async (options: {
  readonly seconds: number;
  readonly clients: number;
  readonly seed: number;
}): Promise<IsolationReport> => {
  const random = createRandom(options.seed);
  const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)];
  await using vendors = await startVendors();
  let written = 0;
  for (const name of vendorNames) vendors[name].script(() => ({ text: [`answer${++written}x `, "and more"] }));
  await using system = await startSystem({ env: { ...vendors.env, ADMIN_KEY: adminKey } });

  const send = async (key: string, method: string, path: string, body?: object) => {
    const response = await fetch(`${system.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };

  const keyOf = async (id: TenantName): Promise<string> => {
    const cache = { ttl_seconds: 600 };
    const limits = { usd_per_month: 1000 };
    await send(adminKey, "POST", "/admin/tenants", { id, name: id, cache, limits, ...policies[id] });
    const made = await send(adminKey, "POST", `/admin/tenants/${id}/keys`, { name: "first" });
    return z.looseObject({ key: z.string() }).parse(JSON.parse(made.text)).key;
  };
  const keys = { north: await keyOf("north"), south: await keyOf("south") };

  const seen = { north: newSeen(), south: newSeen() };
  const leaks: string[] = [];
  let requests = 0;
  let attempts = 0;

  const record = (tenant: TenantName, { status, headers, text }: Awaited<ReturnType<typeof send>>) => {
    requests += 1;
    if (status !== 200) {
      leaks.push(`${tenant} was refused with ${status}: ${text.slice(0, 200)}`);
      return;
    }
    const own = seen[tenant];
    for (const [word] of text.matchAll(/answer\d+x/g)) own.words.add(word);
    own.traces.add(headers.get("x-request-id") ?? "");
    own.hits += headers.get("x-cache") === "HIT" ? 1 : 0;
    const plan = headers.get("x-shoal-plan") ?? "";
    if (plan.includes(policies[otherOf[tenant]].allowed_workers[0])) leaks.push(`${tenant} was served by ${plan}`);
    const answer = answerSchema.safeParse(text.startsWith("{") ? JSON.parse(text) : null);
    if (!answer.success) return;
    own.costUsd += answer.data.usage.cost;
    own.answers.add(answer.data.id);
    if (answer.data.id.startsWith("resp_")) own.responses.add(answer.data.id);
  };

  const questions = Array.from({ length: 12 }, (_, index) => `What is number ${index}?`);
  const ask = async (tenant: TenantName) => {
    const key = keys[tenant];
    const content = pick(questions) ?? "";
    const previous = pick([...seen[tenant].responses].slice(-recent));
    const chat = { model: "shoal-mini", messages: [{ role: "user", content }] };
    const actions = [
      () => send(key, "POST", "/v1/chat/completions", chat),
      () => send(key, "POST", "/v1/chat/completions", { ...chat, stream: true }),
      () => send(key, "POST", "/v1/messages", { ...chat, max_tokens: 100 }),
      () => send(key, "POST", "/v1/responses", { model: "shoal-mini", input: content }),
      () =>
        send(key, "POST", "/v1/responses", {
          model: "shoal-mini",
          input: content,
          ...(previous !== undefined && { previous_response_id: previous }),
        }),
    ];
    const act = pick(actions);
    if (act) record(tenant, await act());
  };

  /** Each of these must be refused as if the other tenant did not exist. */
  const pry = async (tenant: TenantName) => {
    const { responses, traces, answers } = seen[otherOf[tenant]];
    const [response, trace, answer] = [pick([...responses]), pick([...traces]), pick([...answers])];
    if (response === undefined || trace === undefined || answer === undefined) return;
    const tries: readonly (readonly [string, string, object?])[] = [
      ["GET", `/v1/traces/${trace}`],
      ["GET", `/v1/responses/${response}`],
      ["GET", `/v1/responses/${response}/input_items`],
      ["DELETE", `/v1/responses/${response}`],
      ["POST", "/v1/responses", { model: "shoal-mini", input: "And then?", previous_response_id: response }],
      ["POST", "/v1/feedback", { request_id: answer, score: 0 }],
    ];
    const [method, path, body] = pick(tries) ?? ["GET", "/"];
    const got = await send(keys[tenant], method, path, body);
    attempts += 1;
    if (got.status !== 404 && got.status !== 400) leaks.push(`${tenant}: ${method} ${path} answered ${got.status}`);
    if (/answer\d+x/.test(got.text)) leaks.push(`${tenant}: ${method} ${path} showed ${got.text.slice(0, 200)}`);
  };

  const end = performance.now() + options.seconds * 1000;
  const client = async () => {
    while (performance.now() < end) {
      const tenant = random() < 0.5 ? "north" : "south";
      await (random() < 0.2 ? pry(tenant) : ask(tenant));
    }
  };
  await Promise.all(Array.from({ length: options.clients }, client));

  for (const word of seen.north.words) if (seen.south.words.has(word)) leaks.push(`both tenants got ${word}`);
  for (const tenant of ["north", "south"] as const) {
    for (const id of [...seen[tenant].traces].slice(-200)) {
      const trace = traceSchema.parse(JSON.parse((await send(keys[tenant], "GET", `/v1/traces/${id}`)).text));
      const strangers = trace.plan.workers.filter((worker) => worker !== policies[tenant].allowed_workers[0]);
      if (trace.tenant !== tenant || strangers.length > 0) leaks.push(`${tenant}'s trace ${id} is of another`);
    }
    const { total } = usageSchema.parse(JSON.parse((await send(keys[tenant], "GET", "/v1/usage")).text));
    // Streams without usage cost as well, so the ledger is never below what the other answers said.
    if (total.requests !== seen[tenant].traces.size) leaks.push(`${tenant} is charged for ${total.requests} requests`);
    if (total.cost_usd < seen[tenant].costUsd - 1e-9) leaks.push(`${tenant} is charged too little`);
  }
  return { requests, cacheHits: seen.north.hits + seen.south.hits, attempts, leaks };
};

const newSeen = () => ({
  words: new Set<string>(),
  traces: new Set<string>(),
  answers: new Set<string>(),
  responses: new Set<string>(),
  hits: 0,
  costUsd: 0,
});
