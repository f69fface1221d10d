import { runInDurableObject } from "cloudflare:test";
import { afterEach, describe, expect, it, vi } from "vitest";
import { createSignatures, type Signatures, type SignaturesDeps } from "../../../edge/conversation/signatures.ts";
import { isSignedToolCall, makeToolCallId } from "../../../edge/conversation/tool-call-id.ts";
import type { AssistantPart, ChatRequest } from "../../../shared/chat.ts";
import { newTenant, objectsOf, settingsOf } from "../../support/edge.ts";
import { chatOf } from "../../support/events.ts";
import { createHandClock } from "../../support/hand-clock.ts";

afterEach(() => void vi.useRealTimers());

const newId = () => crypto.randomUUID().replaceAll("-", "");

const setUp = (
  tenant = newTenant(),
  keySecret = "secret-number-one",
  objects: SignaturesDeps["objects"] = objectsOf(),
) => {
  const asked: string[] = [];
  const clock = createHandClock();
  const signatures = createSignatures(tenant, true, {
    settings: settingsOf({ KEY_SECRET: keySecret }),
    objects: {
      tenantLog: (name) => {
        asked.push(name);
        return objects.tenantLog(name);
      },
    },
    clock,
    waitUntil: (work) => void work.catch(() => undefined),
    newId,
  });
  return { tenant, signatures, asked, clock };
};

const restored = async (signatures: Signatures, chat: ChatRequest) => (await signatures.restore(chat)).chat;

const never = () => new Promise<never>(() => {});
const said = (...content: AssistantPart[]) => chatOf("hi", { messages: [{ role: "assistant", content }] });
const thought = (signature: string): AssistantPart => ({ type: "reasoning", text: "hm", signature });
const call = (id: string): AssistantPart => ({ type: "tool-call", id, name: "depth", arguments: "{}" });

describe("a thought's signature", () => {
  it("comes back as the vendor wrote it, and tells the client nothing", async () => {
    const { signatures, asked } = setUp();
    const sealed = await signatures.seal("vendor/model|proof");
    expect(atob(sealed)).not.toContain("vendor");
    expect(await restored(signatures, said(thought(sealed)))).toEqual(said(thought("vendor/model|proof")));
    expect(asked).toEqual([]);
  });

  it("is left out when it was changed, made up, or another tenant's", async () => {
    const { signatures } = setUp();
    const sealed = await signatures.seal("proof");
    const changed = sealed.slice(0, -4) + (sealed.endsWith("AAAA") ? "BBBB" : "AAAA");
    const foreign = await setUp().signatures.seal("proof");
    for (const signature of [changed, foreign, "proof", "no base64 at all!"]) {
      expect(await restored(signatures, said(thought(signature)))).toEqual(said({ type: "reasoning", text: "hm" }));
    }
  });

  it("outlives a change of the secret while the old one is listed", async () => {
    const { tenant, signatures } = setUp();
    const sealed = await signatures.seal("proof");
    const rotated = setUp(tenant, "secret-number-two,secret-number-one").signatures;
    expect(await restored(rotated, said(thought(sealed)))).toEqual(said(thought("proof")));
    const gone = setUp(tenant, "secret-number-two").signatures;
    expect(await restored(gone, said(thought(sealed)))).toEqual(said({ type: "reasoning", text: "hm" }));
  });

  it("is named where it is none of ours", async () => {
    const { signatures } = setUp();
    const sealed = await signatures.seal("proof");
    const { unknown } = await signatures.restore(said(thought(sealed), thought("made up")));
    expect([...unknown]).toEqual(["made up"]);
  });

  it("may be long", async () => {
    const { signatures } = setUp();
    const long = "é".repeat(40_000);
    expect(await restored(signatures, said(thought(await signatures.seal(long))))).toEqual(said(thought(long)));
  });
});

describe("what a client was told of a team", () => {
  it("is left out when it comes back, wherever it stands, and is no forgery", async () => {
    const { signatures } = setUp();
    const [told, sealed] = await Promise.all([signatures.sealProgress(), signatures.seal("vendor/model|proof")]);
    const words: AssistantPart = { type: "text", text: "95 m." };
    expect(await signatures.restore(said(thought(told), thought(sealed), thought(told), words))).toEqual({
      chat: said(thought("vendor/model|proof"), words),
      unknown: new Set(),
    });
  });

  it("is no thought of anybody's where another tenant sends it", async () => {
    const told = await setUp().signatures.sealProgress();
    expect(await setUp().signatures.restore(said(thought(told)))).toEqual({
      chat: said({ type: "reasoning", text: "hm" }),
      unknown: new Set([told]),
    });
  });
});

describe("a tool call's signature", () => {
  it("is found by the call's id, from anywhere", async () => {
    const { tenant, signatures } = setUp();
    const ids = [makeToolCallId("w/a", newId(), true), makeToolCallId("w/a", newId(), true)];
    await signatures.keep(ids.map((id, index) => ({ id, signature: `proof ${index}` })));
    const elsewhere = setUp(tenant);
    const { messages } = await restored(elsewhere.signatures, said(...ids.map(call)));
    expect(messages[0]).toMatchObject({ content: [{ signature: "proof 0" }, { signature: "proof 1" }] });
    expect(elsewhere.asked).toEqual([tenant]);
  });

  it("comes with the thoughts before the call, which the answer began with", async () => {
    const { signatures } = setUp();
    const [first, second] = [makeToolCallId("w/a", newId(), true), makeToolCallId("w/a", newId(), true)];
    await signatures.keep([
      { id: first, thoughts: [{ text: "hm", signature: "proof 1" }] },
      { id: second, signature: "of the call", thoughts: [{ text: "so", signature: "proof 2" }] },
    ]);
    const words: AssistantPart = { type: "text", text: "Let me look." };
    expect(await restored(signatures, said(words, call(first), call(second)))).toEqual(
      said(
        { type: "reasoning", text: "hm", signature: "proof 1" },
        words,
        call(first),
        { type: "reasoning", text: "so", signature: "proof 2" },
        { type: "tool-call", id: second, name: "depth", arguments: "{}", signature: "of the call" },
      ),
    );
  });

  it("costs a request without such calls nothing", async () => {
    const { signatures, asked } = setUp();
    const unsigned = said(call(makeToolCallId("w/a", newId())), call("toolu_SSSSSSSSSS"));
    expect(await restored(signatures, unsigned)).toBe(unsigned);
    expect(asked).toEqual([]);
  });

  it("lies encrypted, and belongs to its call alone", async () => {
    const { tenant, signatures } = setUp();
    const [mine, other] = [makeToolCallId("w/a", newId(), true), makeToolCallId("w/a", newId(), true)];
    await signatures.keep([{ id: mine, signature: "proof" }]);
    const log = objectsOf().tenantLog(tenant);
    const [row] = await log.findSignatures([mine]);
    expect(atob(row?.sealed ?? "")).not.toContain("proof");
    await log.keepSignatures([{ call: other, sealed: row?.sealed ?? "" }]);
    expect(await restored(signatures, said(call(other)))).toEqual(said(call(other)));
  });

  it("is kept for a day", async () => {
    const { tenant, signatures } = setUp();
    const id = makeToolCallId("w/a", newId(), true);
    await signatures.keep([{ id, signature: "proof" }]);
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 23 * 3_600_000 });
    expect(await restored(signatures, said(call(id)))).toMatchObject({
      messages: [{ content: [{ signature: "proof" }] }],
    });
    vi.setSystemTime(Date.now() + 2 * 3_600_000);
    expect(await restored(signatures, said(call(id)))).toEqual(said(call(id)));
    await signatures.keep([{ id: makeToolCallId("w/a", newId(), true), signature: "next" }]);
    const left = await runInDurableObject(objectsOf().tenantLog(tenant), (_, state) =>
      state.storage.sql.exec<{ n: number }>("SELECT count(*) AS n FROM signatures").one(),
    );
    expect(left.n).toBe(1);
  });

  it("is done without when the object does not answer in time", async () => {
    const silent = { tenantLog: () => ({ findSignatures: never, keepSignatures: never }) };
    const { signatures, clock } = setUp(newTenant(), "secret-number-one", silent);
    const request = said(call(makeToolCallId("w/a", newId(), true)));
    const pending = restored(signatures, request);
    await clock.advance(1_000);
    expect(await pending).toEqual(request);
  });
});

describe("a tool call's id", () => {
  it("says whether a signature was kept", () => {
    expect(isSignedToolCall(makeToolCallId("w/a", newId(), true))).toBe(true);
    expect(isSignedToolCall(makeToolCallId("w/a", newId()))).toBe(false);
    expect(makeToolCallId("w/a", newId(), true).length).toBeLessThanOrEqual(40);
  });
});
