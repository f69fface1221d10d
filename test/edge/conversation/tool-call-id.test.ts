import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { makeToolCallId, ownerOfToolCall } from "../../../edge/conversation/tool-call-id.ts";
import { workerCards } from "../../../shared/worker-cards.ts";

const random = "0123456789abcdef0123456789abcdef";
const ids = workerCards.map((card) => card.id);

describe("a tool call's id", () => {
  it.each(ids)("names %s as the one that made the call", (worker) => {
    expect(ownerOfToolCall(makeToolCallId(worker, random), ids)).toBe(worker);
  });

  it("is short and plain enough for every vendor", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 128 }), (worker) => {
        expect(makeToolCallId(worker, random)).toMatch(/^call_[a-z0-9]{1,35}$/);
      }),
    );
  });

  it("differs from call to call", () => {
    const made = Array.from({ length: 100 }, () => makeToolCallId("north/a", crypto.randomUUID().replaceAll("-", "")));
    expect(new Set(made).size).toBe(100);
  });

  it("has no owner outside the pool, nor when it is not ours", () => {
    expect(ownerOfToolCall(makeToolCallId("north/a", random), ["north/b"])).toBeNull();
    expect(ownerOfToolCall("toolu_01A09q90qw90lq917835lq9", ids)).toBeNull();
    expect(ownerOfToolCall("call_", ids)).toBeNull();
    expect(ownerOfToolCall("", ids)).toBeNull();
  });
});
