import { describe, expect, it } from "vitest";
import { isRetryable, toWire, type ShoalError, type UpstreamError } from "../../shared/errors.ts";
import { upstreamError } from "../support/events.ts";

type Kind = Exclude<ShoalError["kind"], "upstream">;

const examples: { readonly [K in Kind]: Extract<ShoalError, { kind: K }> } = {
  missing_key: { kind: "missing_key" },
  invalid_key: { kind: "invalid_key" },
  wrong_region: { kind: "wrong_region", region: "eu", host: "eu.example.com" },
  forbidden: { kind: "forbidden", message: "no worker" },
  not_found: { kind: "not_found", message: "nothing here" },
  method_not_allowed: { kind: "method_not_allowed", allowed: ["GET", "POST"] },
  body_too_large: { kind: "body_too_large", limitBytes: 1000 },
  invalid_json: { kind: "invalid_json", message: "at position 3" },
  invalid_request: { kind: "invalid_request", message: "must be text", param: "messages[0].content" },
  unknown_parameter: { kind: "unknown_parameter", param: "messagez" },
  unsupported_parameter: { kind: "unsupported_parameter", param: "seed", message: "no worker takes a seed" },
  unknown_response: { kind: "unknown_response", id: "resp_1" },
  unknown_model: { kind: "unknown_model", model: "shaol-mini", nearest: ["shoal-mini"] },
  retired_model: { kind: "retired_model", model: "north/old", on: "2026-06-15", successor: "north/new" },
  context_too_long: { kind: "context_too_long", tokens: 300_000, limitTokens: 200_000 },
  rate_limited: { kind: "rate_limited", limit: "requests per minute", retryAfterSeconds: 3 },
  insufficient_budget: { kind: "insufficient_budget", limit: "dollars per month", retryAfterSeconds: null },
  not_cached: { kind: "not_cached" },
  no_worker: { kind: "no_worker", message: "no provider is configured", retryAfterSeconds: 5 },
  internal: { kind: "internal" },
};

const statuses: Readonly<Record<Kind, number>> = {
  missing_key: 401,
  invalid_key: 401,
  wrong_region: 421,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  body_too_large: 413,
  invalid_json: 400,
  invalid_request: 400,
  unknown_parameter: 400,
  unsupported_parameter: 400,
  unknown_response: 400,
  unknown_model: 404,
  retired_model: 410,
  context_too_long: 400,
  rate_limited: 429,
  insufficient_budget: 402,
  not_cached: 504,
  no_worker: 503,
  internal: 500,
};

const upstreamCases: readonly (readonly [UpstreamError, number])[] = [
  [upstreamError("invalid_request"), 400],
  [upstreamError("context_too_long"), 400],
  [upstreamError("content_filter"), 400],
  [upstreamError("rate_limited"), 429],
  [upstreamError("overloaded"), 503],
  [upstreamError("timeout"), 504],
  [upstreamError("authentication"), 502],
  [upstreamError("server"), 502],
  [upstreamError("network"), 502],
  [upstreamError("protocol"), 502],
];

describe("toWire", () => {
  it.each(Object.values(examples))("gives $kind its status, a type and words", (error) => {
    const wire = toWire(error);
    expect(wire.status).toBe(statuses[error.kind]);
    expect(wire.type).toMatch(/^[a-z_]+$/);
    expect(wire.message).not.toBe("");
  });

  it.each(upstreamCases)("gives an upstream's $cause a status that blames the right side", (error, status) => {
    expect(toWire(error)).toMatchObject({ status, message: "north: not today" });
  });

  it("never passes a vendor's status on as its own", () => {
    expect(toWire(upstreamError("authentication", { status: 401 })).status).toBe(502);
  });

  it("names the parameter where there is one", () => {
    const params = [
      examples.invalid_request,
      examples.unknown_parameter,
      examples.unsupported_parameter,
      examples.unknown_model,
    ].map((error) => toWire(error).param);
    expect(params).toEqual(["messages[0].content", "messagez", "seed", "model"]);
  });

  it("says when to come back", () => {
    expect(toWire(examples.rate_limited).retryAfterSeconds).toBe(3);
    expect(toWire(examples.no_worker).retryAfterSeconds).toBe(5);
    expect(toWire(upstreamError("rate_limited", { retryAfterSeconds: 7 })).retryAfterSeconds).toBe(7);
    expect(toWire(upstreamError("overloaded", { retryAfterSeconds: 9 })).retryAfterSeconds).toBe(9);
    expect(toWire(examples.insufficient_budget).retryAfterSeconds).toBeNull();
  });

  it("sends a key of another region to its host", () => {
    expect(toWire(examples.wrong_region).message).toContain("https://eu.example.com");
    expect(toWire({ ...examples.wrong_region, host: null }).message).not.toContain("https");
  });

  it("suggests the nearest models, and none when there is none", () => {
    expect(toWire(examples.unknown_model).message).toContain("did you mean 'shoal-mini'?");
    expect(toWire({ ...examples.unknown_model, nearest: [] }).message).not.toContain("did you mean");
  });

  it("does not repeat a key that was sent as a name", () => {
    const { message } = toWire({ ...examples.unknown_model, model: "sk-shoal-us-acme-key00001-Secret0" });
    expect(message).toContain("sk-shoal-[redacted]");
    expect(message).not.toContain("Secret0");
  });

  it("shows only fields of its own, whatever else an error carries", () => {
    const secret = { cause: new Error("sk-secret at http://10.0.0.1"), stack: "sk-secret" };
    for (const error of Object.values(examples)) {
      const wire = toWire({ ...error, ...secret });
      expect(Object.keys(wire).toSorted()).toEqual(["code", "message", "param", "retryAfterSeconds", "status", "type"]);
      expect(JSON.stringify(wire)).not.toContain("sk-secret");
    }
  });
});

describe("isRetryable", () => {
  it("tries another worker for what is the worker's trouble", () => {
    const retried = upstreamCases.map(([error]) => error).filter(isRetryable);
    expect(retried.map(({ cause }) => cause).toSorted()).toEqual([
      "authentication",
      "context_too_long",
      "network",
      "overloaded",
      "protocol",
      "rate_limited",
      "server",
      "timeout",
    ]);
  });

  it("tries nobody else for what is the client's", () => {
    const retried = Object.values(examples).filter(isRetryable);
    expect(retried.map(({ kind }) => kind)).toEqual(["no_worker"]);
  });
});
