import { describe, expect, it } from "vitest";
import { chatCompletions } from "../../edge/formats/chat-completions.ts";
import { normalize, normalizeJson } from "../../edge/normalize.ts";

const url = "https://shoal.example.com/v1/chat/completions";
const whole = (body: string) => new Request(url, { method: "POST", body });

/** A body that comes in pieces, without saying how long it is. */
const streamed = (pieces: readonly (string | Uint8Array)[]) => {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const piece of pieces) controller.enqueue(typeof piece === "string" ? encoder.encode(piece) : piece);
      controller.close();
    },
  });
  return new Request(url, { method: "POST", body });
};

const chat = { model: "shoal-mini", messages: [{ role: "user", content: "hi" }] };

describe("normalize", () => {
  it("gives the canonical request of the format", async () => {
    expect(await normalize(whole(JSON.stringify(chat)), chatCompletions, 1000)).toMatchObject({
      ok: true,
      value: { chat: { model: "shoal-mini" }, stream: false },
    });
  });

  it("gives what the format finds wrong", async () => {
    expect(await normalize(whole("{}"), chatCompletions, 1000)).toMatchObject({
      ok: false,
      error: { kind: "invalid_request" },
    });
  });
});

describe("a body's size", () => {
  const tooLarge = { ok: false, error: { kind: "body_too_large", limitBytes: 10 } };

  it("is refused when it is known beforehand", async () => {
    expect(await normalizeJson(whole('"123456789"'), 10)).toEqual(tooLarge);
  });

  it("is refused by what comes, when no header says it", async () => {
    expect(await normalizeJson(streamed(['"1234', "5678", '9"']), 10)).toEqual(tooLarge);
  });

  it("is accepted up to the limit, counted in bytes", async () => {
    expect(await normalizeJson(streamed(['"1234', '5678"']), 10)).toEqual({ ok: true, value: "12345678" });
    expect(await normalizeJson(streamed(['"äöüß"']), 10)).toEqual({ ok: true, value: "äöüß" });
    expect(await normalizeJson(streamed(['"äöüßx"']), 10)).toEqual(tooLarge);
  });
});

/** Pieces of ten bytes, counted as they are asked for. */
const counted = (pieces: number) => {
  let given = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (given === pieces) return controller.close();
        given += 1;
        controller.enqueue(new Uint8Array(10));
      },
    },
    { highWaterMark: 0 },
  );
  return { request: new Request(url, { method: "POST", body }), given: () => given };
};

describe("a body that is too large", () => {
  it("is read to its end, so that its sender sees the answer", async () => {
    const { request, given } = counted(7);
    expect(await normalizeJson(request, 10)).toMatchObject({ ok: false });
    expect(given()).toBe(7);
  });

  it("is cut off when it has no end", async () => {
    const { request, given } = counted(1_000_000);
    expect(await normalizeJson(request, 10)).toMatchObject({ ok: false });
    expect(given()).toBeLessThan(20);
  });
});

describe("a body's text", () => {
  it("is read whatever the pieces, even through the middle of a character", async () => {
    const bytes = new TextEncoder().encode('{"fish":"🐟"}');
    for (let at = 1; at < bytes.length; at += 1) {
      expect(await normalizeJson(streamed([bytes.slice(0, at), bytes.slice(at)]), 1000)).toEqual({
        ok: true,
        value: { fish: "🐟" },
      });
    }
  });

  it.each([
    "",
    "{",
    "[1,]",
    '{"a":1} x',
    "undefined",
    '{"key":"sk-secret-1234"',
    "sk-secret-1234",
    "at position 1 (sk-s)",
  ])("is refused when it is %j, without being quoted", async (body) => {
    for (const request of [whole(body), streamed([body])]) {
      const result = await normalizeJson(request, 1000);
      expect(result).toMatchObject({ ok: false, error: { kind: "invalid_json" } });
      expect(JSON.stringify(result)).not.toContain("sk-");
    }
  });

  it("says where it went wrong, where that is known", async () => {
    expect(await normalizeJson(whole('{"a":1,}'), 1000)).toMatchObject({
      error: { message: expect.stringMatching(/^at position 7/) },
    });
  });
});

const nested = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;

describe("a body's nesting", () => {
  it("is read as deep as anybody writes", async () => {
    expect(await normalizeJson(whole(nested(200)), 1000)).toMatchObject({ ok: true });
  });

  it.each([201, 100_000])("is refused at %d levels, whose writing would overflow the stack", async (levels) => {
    expect(await normalizeJson(whole(nested(levels)), 1_000_000)).toEqual({
      ok: false,
      error: { kind: "invalid_json", message: "nested deeper than 200 levels" },
    });
  });
});
