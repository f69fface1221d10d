import { describe, expect, it } from "vitest";
import { createProviderOf, readLedger } from "../../../edge/local/reconcile/read-ledger.ts";
import { workerCards } from "../../../shared/worker-cards.ts";

const providerOf = createProviderOf(workerCards);

const counts = { cached_input_tokens: 0, cache_write_tokens: 0, reasoning_tokens: 0 };
const call = (worker: string, provider: string | null, cost_usd: number | null) => ({
  step: "answer",
  worker,
  provider,
  billed_to: "operator",
  input_tokens: 100,
  output_tokens: 20,
  ...counts,
  cost_usd,
  usage_source: "reported",
});
const row = (calls: readonly object[], rest: object = {}) => ({
  request_id: "01M8261FV822RKPXYE8RYD64CT",
  at: "2026-11-22T23:59:59.999Z",
  key_id: "key00001",
  model: "shoal-ultra",
  worker: "openai/gpt-5.4",
  status: "complete",
  input_tokens: 100,
  output_tokens: 20,
  ...counts,
  cost_usd: 0.0123,
  usage_source: "reported",
  calls,
  ...rest,
});

const calls = [call("openai/gpt-5.4", "azure", 0.01), call("z-ai/glm-5", null, 0.0023), call("north/x", "north", null)];
const lines = [
  { day: "2026-11-22", provider: "azure", worker: "openai/gpt-5.4", dollars: 0.01 },
  { provider: "openrouter", worker: "z-ai/glm-5", dollars: 0.0023 },
  { provider: "north", worker: "north/x", dollars: null },
];

describe("readLedger", () => {
  it.each([
    ["a page", JSON.stringify({ object: "list", data: [row(calls)], has_more: false, next: null })],
    ["a list", JSON.stringify([row(calls)])],
    ["one line", JSON.stringify(row(calls))],
    ["JSON lines", `${JSON.stringify(row(calls))}\n${JSON.stringify(row([]))}\n`],
  ])("reads %s, call by call, by who served it", (_, text) => {
    expect(readLedger(text, providerOf)).toMatchObject({ ok: true, value: lines });
  });

  it("reads the table of calls", () => {
    const header =
      "request_id,at,key_id,model,step,worker,provider,billed_to,input_tokens,cached_input_tokens,cache_write_tokens,output_tokens,reasoning_tokens,cost_usd,usage_source";
    const rows = calls.map(
      ({ worker, provider, cost_usd }) =>
        `r,2026-11-22T23:59:59.999Z,k,shoal-ultra,answer,${worker},${provider ?? ""},operator,100,0,0,20,0,${cost_usd ?? ""},reported`,
    );
    expect(readLedger([header, ...rows].join("\r\n"), providerOf)).toMatchObject({ ok: true, value: lines });
  });

  it("leaves out what the operator is not billed: calls with a tenant's own key, and cached answers", () => {
    const others = [{ ...call("openai/gpt-5.4", "openai", 0.01), billed_to: "tenant" }, call("cache", "cache", 0)];
    expect(readLedger(JSON.stringify([row(others)]), providerOf)).toEqual({ ok: true, value: [] });
  });

  it("charges what was reserved for a request that was lost", () => {
    const lost = row([], { status: "lost", usage_source: "unknown", input_tokens: 0, output_tokens: 0 });
    expect(readLedger(JSON.stringify([lost]), providerOf)).toMatchObject({
      ok: true,
      value: [{ provider: "openai", worker: "openai/gpt-5.4", source: "unknown", dollars: 0.0123 }],
    });
  });

  it.each([
    ["the table of requests", "request_id,at,worker,cost_usd\nr,2026-11-22T00:00:00Z,openai/gpt-5.4,1", "rows=calls"],
    ["a row without a source", JSON.stringify([{ ...row(calls), usage_source: "guessed" }]), "usage_source"],
    ["what is no ledger", JSON.stringify({ data: 1 }), "data"],
  ])("refuses %s", (_, text, problem) => {
    expect(readLedger(text, providerOf)).toMatchObject({ ok: false, error: expect.stringContaining(problem) });
  });
});
