import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { composeStep } from "../../edge/execute/compose-step.ts";
import type { Opening } from "../../edge/objects/records.ts";
import { createOutbox } from "../../edge/objects/outbox.ts";
import { createRateNote } from "../../edge/runtime/rates.ts";
import { startTiming } from "../../edge/runtime/timing.ts";
import { boundPlan, outputCapOf, reserve } from "../../edge/reserve.ts";
import { answerStep, directPlan, type Plan } from "../../shared/plan.ts";
import { teamPlan } from "../../shared/team.ts";
import { boundOf } from "../../shared/pricing.ts";
import { countInput } from "../../shared/tokens.ts";
import { cardOf, costing, createTenant, keyOf, memberOf, settingsOf, settlementOf } from "../support/edge.ts";
import { chatOf } from "../support/events.ts";
import { createHandClock } from "../support/hand-clock.ts";

const price = { input: 1, output: 2 };
const a = cardOf("north/a", { maxOutputTokens: 8_000 });
const b = cardOf("north/b", { maxOutputTokens: 2_000 });
const dear = cardOf("north/dear", { price: { input: 10, output: 20 } });
const pool = [a, b, dear].map(memberOf);
const input = { likely: 50, bound: 200, images: 0 };

const setUp = async (budget: number | null) => {
  const { identity, grant, objects } = await createTenant(budget);
  const clock = createHandClock(Date.now());
  const work: Promise<unknown>[] = [];
  const opened: Opening[] = [];
  const outbox = createOutbox(objects, clock);
  const tenant = objects.tenant(identity.tenant);
  const deps = {
    objects,
    clock,
    timing: startTiming(() => clock.now()),
    rates: createRateNote(),
    waitUntil: (promise: Promise<unknown>) => void work.push(promise),
    settings: settingsOf(),
    outbox: {
      ...outbox,
      open: (name: string, opening: Opening) => {
        opened.push(opening);
        outbox.open(name, opening);
      },
    },
    requestId: crypto.randomUUID(),
    arrivedAt: clock.now(),
  };
  const ask = (plan: Plan, maxOutputTokens?: number) =>
    reserve(
      { chat: { model: "shoal-mini", ...(maxOutputTokens !== undefined && { maxOutputTokens }) }, pool, input, grant },
      plan,
      deps,
    );
  /** Lets what was opened arrive. */
  const travel = async () => {
    await clock.advance(50);
    await Promise.all(work);
  };
  return { ask, opened, travel, tenant, deps, identity };
};

describe("outputCapOf", () => {
  const settings = { maxOutputTokens: 1_000 };
  it.each([
    ["the client's", 100, 500, 100],
    ["the key's", 800, 500, 500],
    ["the operator's", null, null, 1_000],
    ["the operator's, though the client wants more", 5_000, null, 1_000],
  ])("is the smallest cap: %s", (_, client, key, cap) => {
    expect(outputCapOf(client, keyOf({ outputCap: key }), settings)(a)).toBe(cap);
  });

  it("is the card's where that is the smallest", () => {
    expect(outputCapOf(null, keyOf(), { maxOutputTokens: 32_768 })(b)).toBe(2_000);
  });
});

const cardNamed = (worker: string) => [a, b, dear].find((card) => card.id === worker) ?? a;

describe("boundPlan", () => {
  const bounds = { input, outputCap: () => 1_000, cardOf: cardNamed };
  const one = boundOf(price, 200, 1_000);

  it("of one call is that call's", () => {
    expect(boundPlan(directPlan("north/a"), bounds)).toBe(one);
  });

  it("counts an image as the worker's vendor does", () => {
    const seen = countInput(
      chatOf("", {
        messages: [{ role: "user", content: [{ type: "image", source: { url: "https://example.com" } }] }],
      }),
    );
    const boundAt = (imageTokens: number) =>
      boundPlan(directPlan("north/a"), { ...bounds, input: seen, cardOf: () => ({ ...a, imageTokens }) });
    expect(boundAt(1_120) - boundAt(120)).toBe(1_000 * price.input);
    expect(boundPlan(directPlan("north/a"), { ...bounds, input: seen })).toBe(boundOf(price, seen.bound, 1_000));
  });

  it("of a workflow counts what later steps read of earlier ones", () => {
    const plan: Plan = {
      kind: "workflow",
      steps: [
        { ...answerStep("north/a"), id: "draft_1" },
        { ...answerStep("north/b"), id: "draft_2" },
        { ...answerStep("north/a"), id: "judge", role: "judge", subtask: "Choose.", access: "all" },
      ],
    };
    expect(boundPlan(plan, bounds)).toBeGreaterThanOrEqual(2 * one + boundOf(price, 200 + 2 * 1_000, 1_000));
  });

  it("of a workflow counts all that is written around the words of others", () => {
    const texts = fc.string({ unit: "grapheme", minLength: 1, maxLength: 300 });
    const free = { ...price, output: 0 };
    const cardOfAny = () => ({ ...a, price: free });
    fc.assert(
      fc.property(fc.array(texts, { minLength: 1, maxLength: 4 }), texts, fc.boolean(), (subtasks, task, verifies) => {
        const seen = subtasks.map((subtask, at) => ({ ...answerStep("north/a"), id: `s${at}`, subtask }));
        const last = { ...answerStep("north/a"), id: "last", subtask: task, access: "all" as const };
        const step = verifies ? { ...last, role: "verify" as const } : last;
        const visible = seen.map(({ id, subtask }) => ({ step: id, text: "", asked: subtask, acceptable: true }));
        const chat = chatOf("How many fish?");
        const asked = { input: countInput(chat), outputCap: () => 0, cardOf: cardOfAny };
        const alone = boundPlan({ kind: "workflow", steps: seen }, asked);
        const whole = boundPlan({ kind: "workflow", steps: [...seen, step] }, asked);
        const composed = composeStep(chat, step, visible, "b".repeat(32), true);
        expect(countInput(composed).bound * free.input).toBeLessThanOrEqual(whole - alone);
      }),
    );
  });

  it("of a ballot counts every voter, and the judge who reads them all", () => {
    const order = ["north/a", "north/b"].map((worker) => ({ worker, logit: 1, costDollars: 0.01 }));
    const coefficients = {
      agree: 1,
      agreeLogit: 1,
      none: 0,
      noneDistinct: 0,
      noneUnread: 0,
      read: 3,
      right: 0,
      rightLogit: 1,
      repeat: -1,
    };
    const ballot = { extractor: "number" as const, order, wave: 1, coefficients, lambda: 1, judge: null };
    expect(boundPlan({ kind: "ballot", ballot }, bounds)).toBe(2 * one);
    expect(boundPlan({ kind: "ballot", ballot: { ...ballot, judge: "north/dear" } }, bounds)).toBeGreaterThanOrEqual(
      2 * one + boundOf(dear.price ?? price, 200 + 2 * 1_000, 1_000),
    );
  });

  it("of a team counts every phase, those that advise up to their own cap", () => {
    const team = teamPlan({ actor: "north/a", partner: "north/a", begins: true });
    const act = boundPlan(directPlan("north/a"), { ...bounds, outputCap: () => 50_000 });
    const whole = boundPlan(team, { ...bounds, outputCap: () => 50_000 });
    expect(whole).toBeGreaterThan(2 * act + 2 * boundOf(price, 200, 8_192));
    expect(whole).toBeLessThan(4 * act + boundOf(price, 4 * 2 * 50_000, 0));
  });

  it("counts nothing for a worker without a price, which no tenant with a budget is given", () => {
    expect(boundPlan(directPlan("north/a"), { ...bounds, cardOf: () => ({ ...a, price: null }) })).toBe(0);
  });
});

describe("reserve", () => {
  it("sets the most aside that the plan can cost, and tells the tenant's object", async () => {
    const { ask, opened, travel, tenant, deps, identity } = await setUp(1_000_000);
    expect(await ask(directPlan("north/a"), 1_000)).toMatchObject({ ok: true });
    expect(opened).toMatchObject([
      {
        requestId: deps.requestId,
        keyId: "key00001",
        amount: boundOf(price, 200, 1_000),
        model: "shoal-mini",
        worker: "north/a",
      },
    ]);
    await travel();
    const rest = { keyId: identity.keyId, keyHash: identity.keyHash, dev: false, affinity: null };
    expect(await tenant.admit({ ...rest, need: costing(1_000_000) })).toMatchObject({ ok: false });
    await tenant.record({ openings: [], settlements: [settlementOf(deps.requestId, 0)] });
  });

  it("sets aside for a team what surely runs, and its review when that has come, up to the review's own cap", async () => {
    const { ask, opened } = await setUp(null);
    const team = teamPlan({ actor: "north/b", partner: "north/a", begins: false });
    const reserved = await ask(team, 1_000);
    if (!reserved.ok) throw new Error(reserved.error.kind);
    const chat = chatOf("How many fish?", { maxOutputTokens: 100 });
    expect(await reserved.value.extend("north/a", chat)).toBe(true);
    expect(opened.map(({ worker, amount }) => [worker, amount])).toEqual([
      ["north/b", boundOf(price, 200, 1_000)],
      ["north/a", boundOf(price, countInput(chat).bound, 100)],
    ]);
  });

  it("leaves the request a minute to settle after its last moment", async () => {
    const { ask, opened, deps } = await setUp(null);
    await ask(directPlan("north/a"));
    expect(opened[0]?.expiresAt).toBe(deps.clock.now() + deps.settings.deadlines.totalMs + 60_000);
  });

  it("gives the cap that it has reserved for", async () => {
    const { ask } = await setUp(1_000_000);
    const reserved = await ask(directPlan("north/a"), 500);
    expect(reserved.ok && reserved.value.outputCap(a)).toBe(500);
  });

  it("shrinks a cap that cannot be afforded before it refuses", async () => {
    const { ask, opened } = await setUp(boundOf(price, 200, 1_024));
    const reserved = await ask(directPlan("north/a"));
    expect(reserved.ok && reserved.value.outputCap(a)).toBe(1_024);
    expect(opened.map(({ amount }) => amount)).toEqual([boundOf(price, 200, 1_024)]);
  });

  it("refuses what cannot be afforded even so", async () => {
    const { ask, opened } = await setUp(boundOf(price, 200, 1_024) - 1);
    expect(await ask(directPlan("north/a"))).toMatchObject({ ok: false, error: { kind: "insufficient_budget" } });
    expect(opened).toEqual([]);
  });

  it("does not raise a small cap of the client's to afford it", async () => {
    const { ask } = await setUp(boundOf(price, 200, 500) - 1);
    expect(await ask(directPlan("north/a"), 500)).toMatchObject({ ok: false });
  });

  it("never refuses a tenant without a budget", async () => {
    const { ask } = await setUp(null);
    expect(await ask(directPlan("north/dear"))).toMatchObject({ ok: true });
  });

  it("extends to another worker while dollars last", async () => {
    const chat = chatOf("How many fish?");
    const more = boundOf(price, countInput(chat).bound, 1_000);
    const { ask, opened } = await setUp(boundOf(price, 200, 1_000) + more);
    const reserved = await ask(directPlan("north/a"), 1_000);
    if (!reserved.ok) throw new Error(reserved.error.kind);
    expect(await reserved.value.extend("north/dear", chat)).toBe(false);
    expect(await reserved.value.extend("north/b", chat)).toBe(true);
    expect(await reserved.value.extend("north/b", chat)).toBe(false);
    expect(opened.map(({ part, worker, amount }) => [part, worker, amount])).toEqual([
      [0, "north/a", boundOf(price, 200, 1_000)],
      [1, "north/b", more],
    ]);
  });

  it("sets aside for a planner what its own cap allows, though the answer's is smaller", async () => {
    const { ask, opened } = await setUp(null);
    const reserved = await ask(directPlan("north/a"), 10);
    if (!reserved.ok) throw new Error(reserved.error.kind);
    const asked = chatOf("Plan.", { maxOutputTokens: 4_096 });
    const planner = cardOf("south/planner", { price });
    expect(await reserved.value.extendTo(planner, asked, () => 4_096)).toBe(true);
    expect(opened.at(-1)).toMatchObject({
      part: 1,
      worker: "south/planner",
      amount: boundOf(price, countInput(asked).bound, 4_096),
    });
  });

  it("sets aside for a plan in another's place only what it costs more", async () => {
    const { ask, opened } = await setUp(null);
    const [one, two] = [directPlan("north/a"), directPlan("north/dear")];
    const reserved = await ask(one, 1_000);
    if (!reserved.ok) throw new Error(reserved.error.kind);
    const nothing = { given: [], spent: 0, calls: 0 };
    expect(await reserved.value.cover(one, nothing)).toBe(true);
    expect(opened).toHaveLength(1);
    expect(await reserved.value.cover(two, nothing)).toBe(true);
    expect(opened.map(({ amount }) => amount)).toEqual([boundOf(price, 200, 1_000), 9 * boundOf(price, 200, 1_000)]);
  });

  it("sets aside what a further plan costs, with the result that it sees, beyond what is left; within the budget", async () => {
    const first = directPlan("north/a");
    const [answered = answerStep("north/a")] = first.steps;
    const further: Plan = {
      kind: "workflow",
      steps: [{ ...answerStep("north/b"), id: "revision_1", subtask: "Say more.", access: [answered.id] }],
    };
    const { ask, opened } = await setUp(null);
    const reserved = await ask(first, 1_000);
    if (!reserved.ok) throw new Error(reserved.error.kind);
    const all = boundOf(price, 200, 1_000);
    expect(await reserved.value.cover(further, { given: [answered], spent: all, calls: 1 })).toBe(true);
    const blind = boundOf(price, 200, 1_000);
    // As much again as the answer may be long, in another tokenizer's tokens, and what frames it.
    const [, more] = opened;
    expect(more?.amount).toBeGreaterThan(blind + boundOf(price, 2_000, 0));

    const cheap = await setUp(null);
    const spared = await cheap.ask(first, 1_000);
    if (!spared.ok) throw new Error(spared.error.kind);
    await spared.value.cover(further, { given: [answered], spent: 100, calls: 1 });
    expect(cheap.opened[1]?.amount).toBe((more?.amount ?? 0) - (all - 100));

    const poor = await setUp(blind + 10);
    const refused = await poor.ask(first, 1_000);
    if (!refused.ok) throw new Error(refused.error.kind);
    expect(await refused.value.cover(further, { given: [answered], spent: blind, calls: 1 })).toBe(false);
    expect(poor.opened).toHaveLength(1);
  });
});
