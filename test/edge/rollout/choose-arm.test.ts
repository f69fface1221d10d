import { describe, expect, it } from "vitest";
import type { ChatRequest, Message } from "../../../shared/chat.ts";
import { ok } from "../../../shared/result.ts";
import { affinityKeys } from "../../../edge/conversation/affinity.ts";
import { makeToolCallId } from "../../../edge/conversation/tool-call-id.ts";
import type { KeyRecord } from "../../../edge/objects/records.ts";
import { chooseArm } from "../../../edge/rollout/choose-arm.ts";
import { keyOf, newTenant, objectsOf, settingsOf, settlementOf } from "../../support/edge.ts";

const settings = settingsOf();
const objects = objectsOf();
const tenant = newTenant();
const deps = {
  objects,
  settings,
  timing: { waited: () => undefined },
  workers: () => ["north/a", "north/b"],
  resolve: (id: string) => ok({ kind: "worker" as const, id, effort: null }),
};

const says = (text: string): Message => ({ role: "user", content: [{ type: "text", text }] });
const answers = (text: string): Message => ({ role: "assistant", content: [{ type: "text", text }] });

const chatOf = (messages: readonly Message[], rest: Partial<ChatRequest> = {}): ChatRequest => ({
  model: "shoal-mini",
  messages,
  tools: [],
  toolChoice: "auto",
  output: { type: "text" },
  sampling: {},
  stop: [],
  metadata: {},
  ...rest,
});

const canary = (canaryPercent: number, rest: Partial<KeyRecord["rollout"]> = {}) =>
  keyOf({ rollout: { mode: "canary", canaryPercent, baseline: "north/a", stage: 1, ...rest } });

const armOf = async (key: KeyRecord, chat: ChatRequest) => {
  const affinity = await affinityKeys(chat, tenant, settings.keySecret);
  const chosen = await chooseArm({ choice: { kind: "tier", tier: "mini" }, key, tenant, chat, affinity }, deps);
  return chosen.ok ? chosen.value.rollout?.arm : chosen.error.kind;
};

const openings = Array.from({ length: 400 }, (_, index) => says(`conversation ${index}`));

/** Which of the conversations a canary of so many percent takes. */
const taken = async (percent: number): Promise<ReadonlySet<number>> => {
  const arms = await Promise.all(openings.map((opening) => armOf(canary(percent), chatOf([opening]))));
  return new Set(arms.flatMap((arm, index) => (arm === "shoal" ? [index] : [])));
};

/** The answer to a tool call that the worker has made. */
const toolTurn = (worker: string): ChatRequest => {
  const id = makeToolCallId(worker, "0123456789abcdef");
  const call: Message = { role: "assistant", content: [{ type: "tool-call", id, name: "depth", arguments: "{}" }] };
  const result: Message = { role: "tool", toolCallId: id, content: [{ type: "text", text: "95 m" }] };
  return chatOf([says("How deep?"), call, result]);
};

describe("a canary", () => {
  it("takes its share of conversations, and adds to those it has when the share grows", async () => {
    const [ten, half, all, none] = [await taken(10), await taken(50), await taken(100), await taken(0)];
    expect(ten.size).toBeGreaterThan(20);
    expect(ten.size).toBeLessThan(65);
    expect(half.size).toBeGreaterThan(160);
    expect(half.size).toBeLessThan(240);
    expect([...ten].every((index) => half.has(index))).toBe(true);
    expect(all.size).toBe(400);
    expect(none.size).toBe(0);
  });

  it("knows a conversation by how it began, and another end user's as another", async () => {
    const key = canary(50);
    const arms = new Set<unknown>();
    for (const opening of openings.slice(0, 20)) {
      const first = await armOf(key, chatOf([opening]));
      expect(await armOf(key, chatOf([opening, answers("Yes."), says("And then?")]))).toBe(first);
      expect(await armOf(key, chatOf([opening], { model: "shoal-ultra" }))).toBe(first);
      arms.add(first === (await armOf(key, chatOf([opening], { user: "somebody" }))));
    }
    expect(arms.size).toBe(2);
  });

  it("leaves a conversation that goes on where it began when the share has grown since", async () => {
    const grown = canary(100, { unsettled: { least: 0, most: 100 } });
    for (const [index, arm] of (["baseline", "shoal"] as const).entries()) {
      const opening = says(`an old conversation ${index}`);
      const { next } = await affinityKeys(chatOf([opening]), tenant, settings.keySecret);
      const affinity = { key: next, worker: "north/a", arm };
      await objects.tenant(tenant).record({ openings: [], settlements: [settlementOf(`r${index}`, 1, { affinity })] });
      expect(await armOf(grown, chatOf([opening, answers("Yes."), says("And then?")]))).toBe(arm);
    }
    expect(await armOf(grown, chatOf([says("a new one")]))).toBe("shoal");
    expect(await armOf(grown, chatOf([says("unknown"), answers("Yes."), says("And then?")]))).toBe("shoal");
  });

  it("has tool calls answered where they were made", async () => {
    expect(await armOf(canary(0), toolTurn("north/b"))).toBe("shoal");
    expect(await armOf(canary(0), toolTurn("north/a"))).toBe("baseline");
    const off = keyOf({ rollout: { mode: "off", canaryPercent: 0, baseline: "north/a", stage: 1 } });
    expect(await armOf(off, toolTurn("north/b"))).toBe("baseline");
  });
});

it.each(["off", "shadow"] as const)("refuses mode %s without a baseline", async (mode) => {
  const key = keyOf({ rollout: { mode, canaryPercent: 0, baseline: null } });
  expect(await armOf(key, chatOf([says("hi")]))).toBe("invalid_request");
});
