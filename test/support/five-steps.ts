/** A workflow of five steps through the whole edge, at vendors whose delays are scripted. Test equipment. */
import * as z from "zod";
import { costOf } from "../../shared/pricing.ts";
import { createSseReader } from "../../shared/sse.ts";
import { needsOf, type Step, type Workflow } from "../../shared/plan.ts";
import { noUsage } from "../../shared/usage.ts";
import { workerCards } from "../../shared/worker-cards.ts";
import { startConductor } from "./conductor.ts";
import { startEdgeAlone } from "./edge-alone.ts";
import { startVendors, type Script, type VendorCall, type Vendors } from "./vendors.ts";

type Part = {
  readonly worker: string;
  /** Until the vendor's headers. */
  readonly thinksMs: number;
  readonly text: readonly string[];
  /** Before each piece of the text. */
  readonly pieceMs?: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
};

const pieces = 24;

const parts = {
  outline: {
    worker: "openai/gpt-6-luna",
    thinksMs: 400,
    text: ["Depth, then light."],
    inputTokens: 90,
    outputTokens: 31,
  },
  draft: {
    worker: "anthropic/claude-sonnet-5-5",
    thinksMs: 900,
    text: ["A draft."],
    inputTokens: 95,
    outputTokens: 412,
  },
  detail: {
    worker: "google/gemini-3.8-flash",
    thinksMs: 600,
    text: ["Light fades."],
    inputTokens: 310,
    outputTokens: 207,
  },
  check: {
    worker: "openai/gpt-5.4",
    thinksMs: 500,
    text: ["It forgets the light."],
    inputTokens: 620,
    outputTokens: 58,
  },
  final: {
    worker: "openai/gpt-6.2-sol",
    thinksMs: 300,
    text: Array.from({ length: pieces }, (_, at) => `word ${at} `),
    pieceMs: 35,
    inputTokens: 1_410,
    outputTokens: 515,
  },
} as const satisfies Readonly<Record<string, Part>>;
type StepId = keyof typeof parts;
const stepIds = ["outline", "draft", "detail", "check", "final"] as const satisfies readonly StepId[];

const stepOf = (id: StepId, rest: Omit<Step, "id" | "worker">): Step => ({ id, worker: parts[id].worker, ...rest });

/** Two branches of two steps, and a judge that writes the answer. */
export const fiveSteps: Workflow = {
  kind: "workflow",
  steps: [
    stepOf("outline", { role: "think", subtask: "Say what an answer has to cover.", access: "none" }),
    stepOf("draft", { role: "answer", subtask: null, access: "none" }),
    stepOf("detail", { role: "answer", subtask: "Answer by the outline.", access: ["outline"] }),
    stepOf("check", { role: "verify", subtask: "Check the draft.", access: ["draft"] }),
    stepOf("final", {
      role: "judge",
      subtask: "Write the answer from all that there is.",
      access: stepIds.slice(0, -1),
    }),
  ],
};

const stepOfCall = ({ model }: VendorCall): string =>
  fiveSteps.steps.find(({ worker }) => worker.endsWith(`/${model}`))?.id ?? "";

type Changes = Partial<Record<StepId, Script>>;

/** How the vendor of each step answers: as the parts say, so many times as quick, but for what a test changes. */
const scriptSteps = (vendors: Vendors, changes: Changes = {}, times = 1): void => {
  vendors.script((call) => {
    const id = stepIds.find((step) => step === stepOfCall(call));
    if (id === undefined) throw new Error(`nobody asked for ${call.model}`);
    const { thinksMs, text, pieceMs, inputTokens, outputTokens }: Part = parts[id];
    return {
      headersAfterMs: thinksMs / times,
      text,
      ...(pieceMs !== undefined && { chunkEveryMs: pieceMs / times }),
      usage: { inputTokens, cachedInputTokens: 0, outputTokens, reasoningTokens: 0 },
      ...changes[id],
    };
  });
};

const latencyMs = (worker: string): number | null =>
  Object.values<Part>(parts).find((part) => part.worker === worker)?.thinksMs ?? null;

export const startFiveSteps = async () => {
  const vendors = await startVendors();
  scriptSteps(vendors);
  const conductor = await startConductor({ plan: fiveSteps, latencyMs });
  const edge = await startEdgeAlone(vendors.env, conductor.url);
  const administer = async (method: string, resource: string, body?: object): Promise<unknown> => {
    const response = await fetch(`${edge.url}/admin/${resource}`, {
      method,
      headers: { authorization: `Bearer ${edge.adminKey}` },
      ...(body && { body: JSON.stringify(body) }),
    });
    if (!response.ok) throw new Error(`${resource}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  await administer("POST", "tenants", { id: "five", name: "Five", limits: { usd_per_month: 100 } });
  const { key } = z.object({ key: z.string() }).parse(await administer("POST", "tenants/five/keys", { name: "five" }));
  return {
    vendors,
    edge,
    key,
    /** What the vendors of these steps say from now on instead of what they say by default, and how much quicker. */
    script: (changes?: Changes, times?: number) => scriptSteps(vendors, changes, times),
    readTenant: () => administer("GET", "tenants/five"),
    readLedger: () => administer("GET", "tenants/five/ledger"),
    async [Symbol.asyncDispose]() {
      await edge[Symbol.asyncDispose]();
      await conductor[Symbol.asyncDispose]();
      await vendors[Symbol.asyncDispose]();
    },
  };
};
export type FiveSteps = Awaited<ReturnType<typeof startFiveSteps>>;

/** Milliseconds since the client asked. */
export type Span = { readonly step: string; readonly worker: string; readonly from: number; readonly to: number };

export type Run = {
  readonly requestId: string;
  readonly text: string;
  /** As the vendors saw the calls. */
  readonly spans: readonly Span[];
  /** Until the client had the end of the answer. */
  readonly wallMs: number;
  /** Until the client had the answer's first word. */
  readonly firstWordMs: number;
  /** Of the calls as long as the vendors took for them, nothing between them. */
  readonly criticalMs: number;
  /** From a word's leaving its vendor until the client has it, of each word. */
  readonly forwardMs: readonly number[];
};

const now = () => performance.timeOrigin + performance.now();

const question = { role: "user", content: "Why is it dark in the deep sea?" } as const;

export const body = { model: "shoal-ultra", messages: [question] } as const;

/** The last step's vendor asked directly: what a word takes without the edge. */
export const askDirectly = async ({ vendors }: FiveSteps): Promise<readonly number[]> => {
  const before = vendors.calls().length;
  const response = await fetch(`${vendors.openai.baseUrl}/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${vendors.openai.key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: parts.final.worker.split("/")[1], stream: true, messages: [question] }),
  });
  const words = await readWords(response);
  return forwardTimes(words, vendors.calls()[before]?.chunksAt ?? []);
};

/** Asks once, streamed. */
export const askFiveSteps = async ({ vendors, edge, key }: FiveSteps): Promise<Run> => {
  const before = vendors.calls().length;
  const askedAt = now();
  const response = await fetch(`${edge.url}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ ...body, stream: true }),
  });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  const words = await readWords(response);
  const endedAt = now();
  const calls = vendors.calls().slice(before);
  await Promise.all(calls.map(({ closed }) => closed));
  const spans = calls.map((call) => ({
    step: stepOfCall(call),
    worker: fiveSteps.steps.find(({ id }) => id === stepOfCall(call))?.worker ?? "",
    from: call.startedAt - askedAt,
    to: (call.endedAt ?? call.startedAt) - askedAt,
  }));
  return {
    requestId: response.headers.get("x-request-id") ?? "",
    text: words.map(({ text }) => text).join(""),
    spans,
    wallMs: endedAt - askedAt,
    firstWordMs: (words[0]?.at ?? Number.NaN) - askedAt,
    criticalMs: criticalPath(spans),
    forwardMs: forwardTimes(words, calls.find((call) => stepOfCall(call) === "final")?.chunksAt ?? []),
  };
};

type Word = { readonly text: string; readonly at: number };

const chunkSchema = z.object({
  choices: z.array(z.object({ delta: z.object({ content: z.nullish(z.string()) }) })),
});

/** Each piece of text with the time at which it came. */
const readWords = async (response: Response): Promise<readonly Word[]> => {
  const reader = createSseReader();
  const decoder = new TextDecoder();
  const words: Word[] = [];
  for await (const bytes of response.body ?? []) {
    const at = now();
    for (const { data } of reader.push(decoder.decode(bytes, { stream: true }))) {
      if (data === "[DONE]") continue;
      const text = chunkSchema.parse(JSON.parse(data)).choices[0]?.delta.content ?? "";
      if (text !== "") words.push({ text, at });
    }
  }
  return words;
};

/** Of each piece that left its vendor; several may come together. */
const forwardTimes = (words: readonly Word[], leftAt: readonly number[]): readonly number[] => {
  const sent: readonly string[] = parts.final.text;
  let read = 0;
  let due = 0;
  return words.flatMap(({ text, at }) => {
    read += text.length;
    const times: number[] = [];
    for (let piece = sent[due]; piece !== undefined && read >= piece.length; piece = sent[due]) {
      read -= piece.length;
      times.push(at - (leftAt[due] ?? at));
      due += 1;
    }
    return times;
  });
};

/** The longest chain of calls, of which each sees the one before. */
const criticalPath = (spans: readonly Span[]): number => {
  const took = new Map(spans.map(({ step, from, to }) => [step, to - from]));
  const ends = new Map<string, number>();
  for (const step of fiveSteps.steps) {
    const begins = Math.max(0, ...needsOf(step, fiveSteps.steps).map((id) => ends.get(id) ?? 0));
    ends.set(step.id, begins + (took.get(step.id) ?? 0));
  }
  return Math.max(...ends.values());
};

/** Micro-dollars of each step, by what its vendor counted and its worker's price. */
export const foreseenCosts = (): Readonly<Record<string, number>> =>
  Object.fromEntries(
    Object.entries<Part>(parts).map(([id, { worker, inputTokens, outputTokens }]) => {
      const price = workerCards.find((card) => card.id === worker)?.price;
      if (!price) throw new Error(`${worker} has no price`);
      return [id, costOf(price, { ...noUsage, inputTokens, outputTokens })];
    }),
  );

/** The calls over time, a line each; `scaleMs` milliseconds a character. */
export const drawSpans = ({ spans, firstWordMs, wallMs }: Run, scaleMs = 40): string => {
  const at = (ms: number) => Math.round(ms / scaleMs);
  const lines = spans
    .toSorted((a, b) => a.from - b.from)
    .map(({ step, worker, from, to }) => {
      const bar = `${" ".repeat(at(from))}${"█".repeat(Math.max(1, at(to) - at(from)))}`;
      return `${step.padEnd(8)} ${bar.padEnd(at(wallMs) + 1)} ${from.toFixed(0)}–${to.toFixed(0)} ms  ${worker}`;
    });
  const client = `${"client".padEnd(8)} ${`${" ".repeat(at(firstWordMs))}${"▒".repeat(Math.max(1, at(wallMs) - at(firstWordMs)))}`.padEnd(at(wallMs) + 1)} ${firstWordMs.toFixed(0)}–${wallMs.toFixed(0)} ms  first to last word`;
  return [...lines, client].join("\n");
};
