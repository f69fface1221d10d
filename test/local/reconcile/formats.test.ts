import { describe, expect, it } from "vitest";
import { readReport } from "../../../edge/local/reconcile/read-report.ts";

const read = (report: string | object) => {
  const text = typeof report === "string" ? report : JSON.stringify(report);
  const result = readReport(text);
  if (!result.ok) throw new Error(result.error);
  return result.value;
};

const page = (results: object, startTime = 1_795_305_600) => ({
  object: "page",
  data: [{ object: "bucket", start_time: startTime, end_time: startTime + 86_400, results }],
  has_more: false,
  next_page: null,
});

const openaiCost = (value: number | string, line_item: string | null) => ({
  object: "organization.costs.result",
  amount: { value, currency: "usd" },
  line_item,
  project_id: null,
});

describe("OpenAI's costs and usage", () => {
  it("are dollars by line item, with the model before the comma", () => {
    const costs = [
      openaiCost(0.06, "gpt-5.4-2026-03-05, input"),
      openaiCost("0.5", "web search tool calls"),
      openaiCost(1, null),
    ];
    expect(read(page(costs))).toMatchObject({
      providers: ["openai"],
      days: ["2026-11-22"],
      lines: [
        { day: "2026-11-22", model: "gpt-5.4-2026-03-05", dollars: 0.06, tokens: null },
        { model: "web search tool calls", dollars: 0.5 },
        { model: null, dollars: 1 },
      ],
    });
  });

  it("are tokens by model, cached and written ones within the input", () => {
    const usage = {
      object: "organization.usage.completions.result",
      input_tokens: 5000,
      input_cached_tokens: 4000,
      output_tokens: 1000,
      num_model_requests: 5,
      model: "gpt-6-luna",
      service_tier: "default",
    };
    expect(read([page([usage]), page([], 1_795_392_000)])).toMatchObject({
      days: ["2026-11-22", "2026-11-23"],
      lines: [{ model: "gpt-6-luna", dollars: null, tokens: { input: 5000, output: 1000 } }],
    });
  });

  it("are refused in another currency", () => {
    const euros = { object: "organization.costs.result", amount: { value: 1, currency: "eur" }, line_item: null };
    expect(readReport(JSON.stringify(page([euros])))).toMatchObject({
      ok: false,
      error: expect.stringContaining("eur"),
    });
  });
});

const anthropicReport = (results: object) => ({
  data: [{ starting_at: "2026-11-22T00:00:00Z", ending_at: "2026-11-23T00:00:00Z", results }],
  has_more: false,
  next_page: null,
});

describe("Anthropic's cost and usage reports", () => {
  it("have amounts in cents", () => {
    const cost = {
      amount: "123.78912",
      currency: "USD",
      cost_type: "tokens",
      description: "Claude Opus 5 Usage - Input Tokens",
      model: "claude-opus-5",
      token_type: "uncached_input_tokens",
      service_tier: "standard",
      context_window: "0-200k",
      workspace_id: null,
    };
    expect(read(anthropicReport([cost])).lines).toEqual([
      {
        day: "2026-11-22",
        provider: "anthropic",
        model: "claude-opus-5",
        what: "Claude Opus 5 Usage - Input Tokens",
        dollars: 1.2378912,
        tokens: null,
      },
    ]);
  });

  it("count what was read from the cache and written to it beside the rest", () => {
    const usage = {
      uncached_input_tokens: 1500,
      cache_creation: { ephemeral_1h_input_tokens: 1000, ephemeral_5m_input_tokens: 500 },
      cache_read_input_tokens: 200,
      output_tokens: 700,
      model: "claude-opus-5",
      server_tool_use: { web_search_requests: 10 },
    };
    expect(read(anthropicReport([usage])).lines).toMatchObject([
      { dollars: null, tokens: { input: 3200, output: 700 } },
    ]);
  });
});

const exportRow = (service: string, sku: string, amount: number, cost: number) => ({
  service: { id: "AEFD-7695-64FA", description: service },
  sku: { id: "0000-0000-0000", description: sku },
  usage_start_time: "2026-11-22 08:00:00 UTC",
  usage_end_time: "2026-11-22 09:00:00 UTC",
  usage: { amount, unit: "count" },
  cost,
  currency: "USD",
  credits: [],
});

describe("Google Cloud's billing export", () => {
  const rows = [
    exportRow("Gemini API", "Generate content input token count gemini 3.8 flash text", 1000, 0.00075),
    exportRow("Gemini API", "Generate content output token count gemini 3.8 flash text", 200, 0.00075),
    exportRow("Vertex AI", "Gemini 3.8 Flash Global Text Output - Predictions", 50, 0.0002),
    exportRow("Cloud Storage", "Standard Storage US Regional", 7, 0.2),
  ];

  it("is read as a list and as lines, models alone", () => {
    const read1 = read(rows);
    expect(read1.lines).toMatchObject([
      { day: "2026-11-22", provider: "google", dollars: 0.00075, tokens: { input: 1000, output: 0 } },
      { provider: "google", tokens: { input: 0, output: 200 } },
      { provider: "vertex", tokens: { input: 0, output: 50 } },
    ]);
    expect(read(rows.map((line) => JSON.stringify(line)).join("\n"))).toEqual(read1);
    expect(read(JSON.stringify(rows[0])).lines).toEqual(read1.lines.slice(0, 1));
  });

  it("is read as a table", () => {
    const table = [
      "service.description,sku.description,usage_start_time,usage.amount,cost,currency",
      `Gemini API,"Generate content input token count gemini 3.8 flash text",2026-11-22 08:00:00 UTC,1000,0.00075,USD`,
    ].join("\n");
    expect(read(table).lines).toMatchObject([{ dollars: 0.00075, tokens: { input: 1000, output: 0 } }]);
  });
});

describe("OpenRouter's activity", () => {
  it("is read as the API gives it, with what own keys cost elsewhere", () => {
    const item = {
      date: "2026-11-22",
      model: "z-ai/glm-5",
      model_permaslug: "z-ai/glm-5-20260211",
      endpoint_id: "550e8400-e29b-41d4-a716-446655440000",
      provider_name: "Z.AI",
      usage: 0.015,
      byok_usage_inference: 0.012,
      requests: 5,
      prompt_tokens: 50,
      completion_tokens: 125,
      reasoning_tokens: 25,
    };
    expect(read({ data: [item] })).toMatchObject({
      providers: ["openrouter"],
      days: ["2026-11-22"],
      lines: [{ model: "z-ai/glm-5", dollars: 0.027, tokens: { input: 50, output: 125 } }],
    });
  });

  it("is read as the page exports it", () => {
    const table = [
      "generation_id,created_at,cost_total,cost_web_search,byok_usage_inference,tokens_prompt,tokens_completion,tokens_reasoning,tokens_cached,model_permaslug,provider_name,cancelled",
      "gen-a,2026-11-22T10:00:00Z,0.12,0,0,10,20,3,1,z-ai/glm-5-20260211,Z.AI,false",
      "gen-b,2026-11-24T10:00:00Z,0.03,0,0,1,2,0,0,z-ai/glm-5-20260211,Z.AI,false",
    ].join("\n");
    expect(read(table)).toMatchObject({
      days: ["2026-11-22", "2026-11-23", "2026-11-24"],
      lines: [
        { dollars: 0.12, tokens: { input: 10, output: 20 } },
        { day: "2026-11-24", dollars: 0.03 },
      ],
    });
  });
});

describe("the AWS cost and usage report", () => {
  const usage = "USE1-Claude4.6Sonnet-input-tokens-cross-region-global";

  it.each([
    [
      "version 2",
      "line_item_usage_start_date,line_item_line_item_type,line_item_product_code,line_item_usage_type,line_item_usage_amount,line_item_unblended_cost,line_item_currency_code",
    ],
    [
      "version 1",
      "lineItem/UsageStartDate,lineItem/LineItemType,lineItem/ProductCode,lineItem/UsageType,lineItem/UsageAmount,lineItem/UnblendedCost,lineItem/CurrencyCode",
    ],
  ])("of %s is thousands of tokens by usage type, without other products and taxes", (_, header) => {
    const table = [
      header,
      `2026-11-22T00:00:00Z,Usage,AmazonBedrock,${usage},1.5,0.0045,USD`,
      `2026-11-22T00:00:00Z,Tax,AmazonBedrock,${usage},0,0.001,USD`,
      "2026-11-22T00:00:00Z,Usage,AmazonS3,TimedStorage-ByteHrs,4,0.2,USD",
    ].join("\n");
    expect(read(table).lines).toEqual([
      {
        day: "2026-11-22",
        provider: "bedrock",
        model: usage,
        what: usage,
        dollars: 0.0045,
        tokens: { input: 1500, output: 0 },
      },
    ]);
  });
});

describe("readReport", () => {
  it.each(["", "{}", "[]", "a,b\n1,2", "{broken"])("says that it does not know %j", (text) => {
    expect(readReport(text)).toMatchObject({ ok: false });
  });
});
