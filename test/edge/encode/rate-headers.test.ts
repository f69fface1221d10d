import { describe, expect, it } from "vitest";
import { rateHeaders } from "../../../edge/encode/rate-headers.ts";

const noon = Date.UTC(2040, 10, 22, 12);
const requests = (limit: number, left: number) => rateHeaders({ requests: { limit, left }, tokens: null }, noon);

describe("headers of rates", () => {
  it("say limit, rest and when it is whole again, under the names of both families", () => {
    expect(requests(60, 30.7)).toEqual({
      "x-ratelimit-limit-requests": "60",
      "x-ratelimit-remaining-requests": "30",
      "x-ratelimit-reset-requests": "29.3s",
      "anthropic-ratelimit-requests-limit": "60",
      "anthropic-ratelimit-requests-remaining": "30",
      "anthropic-ratelimit-requests-reset": "2040-11-22T12:00:29Z",
    });
  });

  it.each([
    [1_000, 1_000, "0ms"],
    [6_000, 5_999, "10ms"],
    [60, 59, "1s"],
    [60, -15, "1m15s"],
  ])("write the time as vendors do: %d with %d left is %s", (limit, left, reset) => {
    expect(requests(limit, left)["x-ratelimit-reset-requests"]).toBe(reset);
  });

  it("never tell of less than nothing", () => {
    expect(requests(60, -15)["x-ratelimit-remaining-requests"]).toBe("0");
  });

  it("are absent where nothing limits", () => {
    expect(rateHeaders({ requests: null, tokens: null }, noon)).toEqual({});
    expect(rateHeaders(null, noon)).toEqual({});
  });
});
