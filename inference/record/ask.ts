/** A Shoal as its own measurements see it: its workers with prices, and one prompt asked of a worker or a tier. */
import { setTimeout as delay } from "node:timers/promises";
import OpenAI, { APIError } from "openai";
import * as z from "zod";
import { planSchema, workersOf, type Plan } from "../../shared/plan.ts";
import type { Price } from "../../shared/pricing.ts";
import type { PreferenceName } from "../../shared/preference.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { readRun, tracedSchema, type Run, type Traced } from "./run.ts";

/** A worker in `GET /v1/models`. */
export type Listed = {
  readonly id: string;
  /** Dollars per million tokens; null when unknown. */
  readonly price: Price | null;
  readonly maxOutputTokens: number;
};

export type Question = {
  /** A worker, or a tier. */
  readonly worker: string;
  /** Of a tier. */
  readonly preference?: PreferenceName;
  readonly system: string | undefined;
  readonly text: string;
  readonly maxTokens: number;
};

export type Reply = {
  readonly text: string;
  readonly finish: string;
  readonly tokensIn: number;
  readonly tokensOut: number;
  readonly costUsd: number;
  readonly latencyMs: number;
  /** The vendor's own name of what answered; null when it named none. */
  readonly model: string | null;
  /** How a tier worked on it; absent for a worker, and where no trace could be read. */
  readonly run?: Run;
};

/** What a tier would do, as far as it can be known before. */
export type Preview = {
  /** Dollars that the plan can cost at most. */
  readonly bound: number;
  /** Dollars that it is likely to cost. */
  readonly expected: number;
  /** Expected quality of each worker, 0 to 1, the tenant's own correction included. */
  readonly qualities: ReadonlyMap<string, number>;
  /** Version of the weights that decided, and whose: the conductor's or the edge's. */
  readonly weights: string;
  readonly source: string;
  /** `on`, unless the key is still served by its baseline, wholly or in part. */
  readonly mode: string;
};

export type Failure = {
  /** HTTP status; null when the connection broke or the failure came within the stream. */
  readonly status: number | null;
  readonly code: string;
  readonly message: string;
  readonly retryAfterMs: number | null;
  /** What the call cost all the same; null when that cannot be known. */
  readonly costUsd: number | null;
};

export type Shoal = {
  workers(): Promise<readonly Listed[]>;
  ask(question: Question, signal: AbortSignal): Promise<Result<Reply, Failure>>;
  /** A dry run: no worker is called. */
  preview(question: Question, signal: AbortSignal): Promise<Result<Preview, Failure>>;
};

/** Longer than any deadline of the edge's. */
const timeoutMs = 1_200_000;
/** A trace is kept some milliseconds after its answer's last word. */
const looksForTrace = 20;
const lookEveryMs = 100;

const rate = z.number().min(0);
const rates = { input: rate, output: rate, cachedInput: rate.exactOptional(), cacheWrite: rate.exactOptional() };
const priceSchema = z.object({
  ...rates,
  tiers: z.array(z.object({ ...rates, aboveInputTokens: z.number() })).exactOptional(),
});
const modelsSchema = z.object({
  data: z.array(
    z.object({ id: z.string(), price: priceSchema.nullable().default(null), max_output_tokens: z.number().nullish() }),
  ),
});
const usageSchema = z.object({
  prompt_tokens: z.number(),
  completion_tokens: z.number(),
  /** Dollars. */
  cost: z.number(),
});
const previewSchema = z.object({
  plan: planSchema,
  scores: z.array(
    z.object({ worker: z.string(), quality: z.number(), bias: z.number(), cost_usd: z.number().nullable() }),
  ),
  weights: z.string(),
  max_cost_usd: z.number(),
  /** Of workflows that a planner writes. */
  rounds: z.number().default(1),
  source: z.string(),
  mode: z.string().default("on"),
});

export const connectShoal = (target: { readonly url: string; readonly key: string }, now: () => number): Shoal => {
  const client = new OpenAI({ baseURL: `${target.url}/v1`, apiKey: target.key, maxRetries: 0, timeout: timeoutMs });

  const findTrace = async (id: string | null): Promise<Traced | null> => {
    if (id === null) return null;
    for (let look = 0; look < looksForTrace; look += 1) {
      const found: unknown = await client.get(`/traces/${id}`).catch(() => null);
      if (found !== null) return tracedSchema.safeParse(found).data ?? null;
      await delay(lookEveryMs);
    }
    return null;
  };

  const failed = async (error: unknown, id: string | null): Promise<Failure> => {
    const known = error instanceof APIError ? error : null;
    const status = known?.status ?? null;
    const trace = await findTrace(id ?? known?.requestID ?? null);
    return {
      status,
      code: known?.code ?? known?.type ?? "connection",
      message: error instanceof Error ? error.message : String(error),
      retryAfterMs: readRetryAfter(known),
      // What is refused with a status before any worker was called leaves no trace.
      costUsd: trace?.cost_usd ?? (status !== null && trace === null ? 0 : null),
    };
  };

  return {
    async workers() {
      const { data } = modelsSchema.parse(await client.get("/models"));
      return data
        .filter(({ id }) => id.includes("/"))
        .map(({ id, price, max_output_tokens: maxOutputTokens }) => ({
          id,
          price,
          maxOutputTokens: maxOutputTokens ?? 0,
        }));
    },

    async ask(question, signal) {
      const startedAt = now();
      let id: string | null = null;
      try {
        const { data: chunks, request_id } = await client.chat.completions
          .create(bodyOf(question), { signal, headers: headersOf(question) })
          .withResponse();
        id = request_id;
        let text = "";
        let finish = "";
        let usage: unknown = null;
        for await (const chunk of chunks) {
          text += chunk.choices[0]?.delta.content ?? chunk.choices[0]?.delta.refusal ?? "";
          finish = chunk.choices[0]?.finish_reason ?? finish;
          usage = chunk.usage ?? usage;
        }
        const latencyMs = now() - startedAt;
        const { prompt_tokens, completion_tokens, cost } = usageSchema.parse(usage);
        const trace = await findTrace(id);
        return ok({
          text,
          finish,
          tokensIn: prompt_tokens,
          tokensOut: completion_tokens,
          costUsd: cost,
          latencyMs,
          model: trace?.upstream_model ?? null,
          ...(trace && isTier(question) && { run: readRun(trace) }),
        });
      } catch (error) {
        return err(await failed(error, id));
      }
    },

    async preview(question, signal) {
      try {
        const body = { ...bodyOf(question), stream: false, stream_options: undefined };
        const answer: unknown = await client.post("/plan", { body, signal, headers: headersOf(question) });
        const { plan, scores, weights, source, mode, rounds, max_cost_usd } = previewSchema.parse(answer);
        // Nobody knows the second before the first has answered: it is taken to cost as much.
        const bound = rounds * max_cost_usd;
        const costs = new Map(scores.map((score) => [score.worker, score.cost_usd ?? 0]));
        return ok({
          bound,
          expected: Math.min(bound, rounds * expectedOf(plan, costs)),
          qualities: new Map(scores.map(({ worker, quality, bias }) => [worker, quality + bias])),
          weights,
          source,
          mode,
        });
      } catch (error) {
        return err(await failed(error, null));
      }
    },
  };
};

const isTier = ({ worker }: Question): boolean => !worker.includes("/");

/** Most ballots are decided by so many votes: the mean on recorded answers is between one and two. */
const likelyVotes = 2;

const expectedOf = (plan: Plan, costs: ReadonlyMap<string, number>): number => {
  const workers =
    plan.kind === "ballot" ? plan.ballot.order.slice(0, likelyVotes).map(({ worker }) => worker) : workersOf(plan);
  return workers.reduce((sum, worker) => sum + (costs.get(worker) ?? 0), 0);
};

const headersOf = ({ preference }: Question): Record<string, string> => ({
  "cache-control": "no-store",
  ...(preference && { "x-shoal-preference": preference }),
});

/** Streamed: a long answer in one piece would outlast what HTTP clients wait for headers. */
const bodyOf = ({ worker, system, text, maxTokens }: Question) => ({
  model: worker,
  stream: true as const,
  stream_options: { include_usage: true },
  max_completion_tokens: maxTokens,
  messages: [
    ...(system === undefined ? [] : [{ role: "system" as const, content: system }]),
    { role: "user" as const, content: text },
  ],
});

const readRetryAfter = (error: APIError | null): number | null => {
  const header = error?.headers?.get("retry-after") ?? null;
  const seconds = header === null ? NaN : Number(header);
  return Number.isFinite(seconds) ? seconds * 1000 : null;
};
