import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createSseReader, readSse, ssePing, writeSse, type SseMessage } from "../../shared/sse.ts";

const body = [
  ": welcome",
  "event: greeting",
  'data: {"text":"grüß dich 🐟"}',
  "",
  ": ping",
  "data: first line",
  "data: second line",
  "id: 7",
  "retry: 10",
  "",
  "data:no space",
  "",
  "data: [DONE]",
  "",
  "",
];
const messages: readonly SseMessage[] = [
  { event: "greeting", data: '{"text":"grüß dich 🐟"}' },
  { data: "first line\nsecond line" },
  { data: "no space" },
  { data: "[DONE]" },
];

/** Reads bytes that arrive in these pieces, as the edge does: decoded as they come. */
const readPieces = (pieces: readonly Uint8Array[]): readonly SseMessage[] => {
  const decoder = new TextDecoder();
  const reader = createSseReader();
  return [
    ...pieces.flatMap((piece) => reader.push(decoder.decode(piece, { stream: true }))),
    ...reader.push(decoder.decode()),
    ...reader.end(),
  ];
};

describe("createSseReader", () => {
  it.each([
    ["LF", "\n"],
    ["CRLF", "\r\n"],
    ["CR", "\r"],
  ])("reads the same events wherever the bytes are cut, with %s", (_, newline) => {
    const bytes = new TextEncoder().encode(body.join(newline));
    for (let at = 0; at <= bytes.length; at += 1) {
      expect(readPieces([bytes.slice(0, at), bytes.slice(at)]), `cut at ${at}`).toEqual(messages);
    }
    expect(readPieces(Array.from(bytes, (byte) => Uint8Array.of(byte)))).toEqual(messages);
  });

  it("gives an event as soon as its blank line has come, not before", () => {
    const reader = createSseReader();
    expect(reader.push("data: a\n")).toEqual([]);
    expect(reader.push("\n")).toEqual([{ data: "a" }]);
    expect(reader.push("data: b\n\ndata: c\n\ndata:")).toEqual([{ data: "b" }, { data: "c" }]);
  });

  it("gives the last event of a body that lacks its blank line", () => {
    expect(readSse("data: a\n\ndata: b")).toEqual([{ data: "a" }, { data: "b" }]);
  });

  it("gives nothing for comments, whatever their newlines", () => {
    expect(readSse(": ping\n: ping\n\n: ping\r\n\r\n")).toEqual([]);
  });

  it("refuses an event without end", () => {
    const reader = createSseReader();
    const megabyte = "x".repeat(1024 * 1024);
    expect(() => {
      for (let sent = 0; sent < 9; sent += 1) reader.push(sent === 0 ? `data: ${megabyte}` : megabyte);
    }).toThrow(/buffer/i);
  });
});

describe("writeSse", () => {
  const message = fc.record(
    { data: fc.jsonValue().map((value) => JSON.stringify(value)), event: fc.stringMatching(/^[a-z_.]{1,20}$/) },
    { requiredKeys: ["data"] },
  );

  it("writes what the reader reads, with heartbeats between events", () => {
    fc.assert(
      fc.property(fc.array(message, { maxLength: 8 }), (written) => {
        expect(readSse(written.map((each) => ssePing + writeSse(each)).join(""))).toEqual(written);
      }),
    );
  });

  it("ends a heartbeat with one newline, so that no client takes it for an event", () => {
    expect(ssePing).toBe(": ping\n");
  });
});
