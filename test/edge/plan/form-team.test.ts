import { describe, expect, it } from "vitest";
import { formTeam, type TeamInput } from "../../../edge/plan/form-team.ts";
import type { Member } from "../../../edge/pool/pool.ts";
import type { ChatRequest, Message } from "../../../shared/chat.ts";
import type { Decision, Score } from "../../../shared/decision.ts";
import { directPlan } from "../../../shared/plan.ts";
import { teamOf } from "../../../shared/team.ts";
import { cardOf, memberOf } from "../../support/edge.ts";
import { chatOf } from "../../support/events.ts";

const south = (id: string): Member => {
  const member = memberOf(cardOf(id));
  return { ...member, provider: { ...member.provider, name: "south" } };
};
const pool = [memberOf(cardOf("north/a")), memberOf(cardOf("north/b")), south("south/c")];
const score = (worker: string): Score => ({ worker, quality: 0.5, costDollars: 0, latencyMs: null, utility: 0.5 });
const decision: Decision = {
  plan: directPlan("north/a"),
  scores: ["north/a", "north/b", "south/c"].map(score),
  reason: "task type fish",
  taskType: null,
  support: 0,
  weights: "",
};
const tools = [{ name: "depth" }];

const form = ({ chat, ...rest }: Partial<Omit<TeamInput, "chat">> & { chat?: Partial<ChatRequest> } = {}) =>
  formTeam(
    decision,
    {
      chat: chatOf("How deep is it?", { tools, ...chat }),
      choice: { kind: "tier", tier: "ultra" },
      pool,
      preference: { name: "balanced" },
      ...rest,
    },
    () => decision.scores,
  );

const user: Message = { role: "user", content: [{ type: "text", text: "How deep is it?" }] };
const called: Message = {
  role: "assistant",
  content: [{ type: "tool-call", id: "call_1", name: "depth", arguments: "{}" }],
};
const result: Message = { role: "tool", toolCallId: "call_1", content: [{ type: "text", text: "95 m" }] };
const answered: Message = { role: "assistant", content: [{ type: "text", text: "95 m." }] };

describe("a team", () => {
  it("lets the chosen worker act, and the best of another provider plan and check", () => {
    const { plan, reason } = form();
    expect(teamOf(plan)).toMatchObject({
      plan: { worker: "south/c" },
      act: { worker: "north/a" },
      verify: { worker: "south/c" },
      revise: { worker: "north/a" },
    });
    expect(reason).toBe("task type fish; another worker plans, and checks the answer");
  });

  it("is of one provider where the pool has no other", () => {
    expect(teamOf(form({ pool: pool.slice(0, 2) }).plan)).toMatchObject({ verify: { worker: "north/b" } });
  });

  it.each<[string, readonly Message[], boolean]>([
    ["begins with a user's turn", [user], true],
    ["begins anew with the turn after an answer", [user, called, result, answered, user], true],
    ["is under way with results", [user, called, result], false],
    ["is under way with results and a word beside them", [user, called, result, user], false],
  ])("plans when a task begins: it %s", (_, messages, begins) => {
    const team = teamOf(form({ chat: { messages } }).plan);
    expect(team?.plan !== null).toBe(begins);
  });

  it.each<[string, Parameters<typeof form>[0]]>([
    ["in the tier of one call", { choice: { kind: "tier", tier: "mini" } }],
    ["for a worker that the client named", { choice: { kind: "worker", id: "north/a", effort: null } }],
    ["where the client prefers economy", { preference: { name: "economy" } }],
    ["without tools", { chat: { tools: [] } }],
    ["where the client demands a call", { chat: { toolChoice: "required" } }],
    ["where the client demands a certain call", { chat: { toolChoice: { name: "depth" } } }],
    ["where the answer has begun", { chat: { messages: [user, answered] } }],
    ["where nobody else can", { pool: pool.slice(0, 1) }],
  ])("is not formed %s", (_, input) => expect(form(input)).toBe(decision));
});
