import { describe, expect, it } from "vitest";
import { affinityKeys, recallWorker, rememberWorker } from "../../../edge/conversation/affinity.ts";
import type { Message } from "../../../shared/chat.ts";
import { chatOf } from "../../support/events.ts";

const user = (text: string): Message => ({ role: "user", content: [{ type: "text", text }] });
const assistant = (text: string): Message => ({ role: "assistant", content: [{ type: "text", text }] });
const keysOf = (messages: readonly Message[], tenant = "acme", model = "shoal-mini", secret = "secret-number-one") =>
  affinityKeys(chatOf("", { messages, model }), tenant, secret);

describe("a conversation's key", () => {
  it("under which a turn looks is the one that the turn before left", async () => {
    const first = await keysOf([user("hi")]);
    const second = await keysOf([user("hi"), assistant("hello"), user("and?")]);
    const third = await keysOf([user("hi"), assistant("hello"), user("and?"), assistant("well"), user("so?")]);
    expect(first.previous).toBeNull();
    expect(second.previous).toBe(first.next);
    expect(third.previous).toBe(second.next);
  });

  it("does not depend on how the answer is sent back", async () => {
    const [a, b] = [
      await keysOf([user("hi"), assistant("hello"), user("?")]),
      await keysOf([user("hi"), assistant("hello, edited"), user("?")]),
    ];
    expect(a.previous).toBe(b.previous);
  });

  it("does not depend on cache marks, which clients move along", async () => {
    const marked: Message = { role: "user", content: [{ type: "text", text: "hi", cacheHere: true }] };
    expect((await keysOf([marked])).next).toBe((await keysOf([user("hi")])).next);
  });

  it("differs by tenant, model, secret and words", async () => {
    const keys = await Promise.all([
      keysOf([user("hi")]),
      keysOf([user("hi!")]),
      keysOf([user("hi")], "other"),
      keysOf([user("hi")], "acme", "shoal-ultra"),
      keysOf([user("hi")], "acme", "shoal-mini", "secret-number-two"),
      keysOf([user("hi")], "acme", "shoal-mini", ""),
    ]);
    expect(new Set(keys.map(({ next }) => next)).size).toBe(keys.length);
  });

  it("tells nothing of the words", async () => {
    expect((await keysOf([user("hi")])).next).toMatch(/^[A-Za-z0-9+/]{22}==$/);
  });

  it("is none for a conversation that begins with an answer", async () => {
    expect((await keysOf([assistant("hello"), user("hi")])).previous).toBeNull();
  });
});

describe("this isolate's memory", () => {
  it("keeps the conversations that go on and forgets those that do not", async () => {
    const alive = await keysOf([user("alive"), assistant("a"), user("b")]);
    const silent = await keysOf([user("silent"), assistant("a"), user("b")]);
    rememberWorker(alive.previous ?? "", "north/a");
    rememberWorker(silent.previous ?? "", "north/a");
    for (let other = 0; other < 9_999; other += 1) {
      if (other === 9_000) recallWorker(alive);
      rememberWorker(`other ${other}`, "north/b");
    }
    expect(recallWorker(alive)).toBe("north/a");
    expect(recallWorker(silent)).toBeNull();
  });

  it("gives the worker of the turn before, the latest where there were several", async () => {
    const { previous, next } = await keysOf([user("unique"), assistant("a"), user("b")]);
    expect(recallWorker({ previous, next })).toBeNull();
    rememberWorker(previous ?? "", "north/a");
    rememberWorker(previous ?? "", "north/b");
    expect(recallWorker({ previous, next })).toBe("north/b");
    expect(recallWorker({ previous: null, next })).toBeNull();
  });

  it("forgets the oldest of ten thousand conversations", () => {
    for (let index = 0; index <= 10_000; index += 1) rememberWorker(`key${index}`, "north/a");
    expect(recallWorker({ previous: "key0", next: "" })).toBeNull();
    expect(recallWorker({ previous: "key1", next: "" })).toBe("north/a");
  });
});
