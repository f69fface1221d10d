import { describe, expect, it } from "vitest";
import { readCacheUse } from "../../../edge/cache/cache-use.ts";
import type { ChatRequest } from "../../../shared/chat.ts";
import { chatOf } from "../../support/events.ts";

type Asked = {
  readonly headers?: Record<string, string>;
  readonly chat?: Partial<ChatRequest>;
  readonly cacheSeconds?: number | null;
};

const read = ({ headers = {}, chat = {}, cacheSeconds = null }: Asked) =>
  readCacheUse({ headers: new Headers(headers), chat: chatOf("Why?", chat), key: { cacheSeconds } });

const use = (asked: Asked) => {
  const result = read(asked);
  if (!result.ok) throw new Error("refused");
  return result.value;
};

describe("the use of the cache", () => {
  it("is none when neither the key nor the request wants it", () => {
    expect(use({})).toMatchObject({ isWanted: false, reads: false, keeps: false });
    expect(use({ headers: { "cache-control": "max-age=60" } })).toMatchObject({ isWanted: false, keeps: false });
  });

  it("comes from the key's policy or the request's header, and the shorter time counts", () => {
    expect(use({ cacheSeconds: 60 })).toMatchObject({ reads: true, keeps: true, ttlSeconds: 60 });
    expect(use({ headers: { "x-shoal-cache": "600" } })).toMatchObject({ reads: true, keeps: true, ttlSeconds: 600 });
    expect(use({ headers: { "x-shoal-cache": "600" }, cacheSeconds: 60 })).toMatchObject({ ttlSeconds: 60 });
    expect(use({ headers: { "x-shoal-cache": "5" }, cacheSeconds: 60 })).toMatchObject({ ttlSeconds: 5 });
  });

  it.each(["0", "-1", "1.5", "604801", "soon", ""])("refuses x-shoal-cache: '%s', naming it", (seconds) => {
    expect(read({ headers: { "x-shoal-cache": seconds } })).toMatchObject({
      ok: false,
      error: { kind: "invalid_request", param: "x-shoal-cache" },
    });
  });

  it.each([
    ["no-store", { reads: false, keeps: false }],
    ["no-cache", { reads: false, keeps: true }],
    ["No-Cache, max-age=5", { reads: false, keeps: true }],
    ["max-age=10", { reads: true, keeps: true, maxAgeSeconds: 10 }],
    ['max-age="10"', { maxAgeSeconds: 10 }],
    ["max-age=1000", { maxAgeSeconds: 60 }],
    ["max-age=soon", { maxAgeSeconds: 0 }],
    ["min-fresh=20", { maxAgeSeconds: 40 }],
    ["only-if-cached", { reads: true, onlyIfCached: true }],
    ["max-stale=5, unheard-of", { reads: true, keeps: true, maxAgeSeconds: 60 }],
  ])("honors cache-control: %s", (control, expected) => {
    expect(use({ cacheSeconds: 60, headers: { "cache-control": control } })).toMatchObject(expected);
  });

  it("is none for what asks for variety, unless the request says that any earlier answer will do", () => {
    const varied = { sampling: { temperature: 0.7 } };
    expect(use({ cacheSeconds: 60, chat: varied })).toMatchObject({ isWanted: true, reads: false, keeps: false });
    expect(use({ headers: { "x-shoal-cache": "60" }, chat: varied })).toMatchObject({ reads: true, keeps: true });
    expect(use({ cacheSeconds: 60, chat: { sampling: { temperature: 0.7, seed: 1 } } })).toMatchObject({ keeps: true });
    expect(use({ cacheSeconds: 60, chat: { sampling: { temperature: 0 } } })).toMatchObject({ keeps: true });
  });

  it("is none with tools", () => {
    const chat = { tools: [{ name: "look" }] };
    expect(use({ headers: { "x-shoal-cache": "60" }, chat })).toMatchObject({ isWanted: true, keeps: false });
  });
});
