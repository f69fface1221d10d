import { describe, expect, it } from "vitest";
import type { Events } from "../../../edge/execute/execute.ts";
import { tellProgress } from "../../../edge/execute/tell-progress.ts";
import type { ChatRequest } from "../../../shared/chat.ts";
import type { AnswerEvent } from "../../../shared/events.ts";
import { directPlan, type Plan } from "../../../shared/plan.ts";
import { teamPlan } from "../../../shared/team.ts";
import {
  chatOf,
  endedBy,
  reasoningDelta,
  start,
  stepEnd,
  stepStart,
  textDelta,
  toolCall,
  upstreamError,
} from "../../support/events.ts";

const team = teamPlan({ actor: "w/a", partner: "w/b", begins: true });

type Asked = {
  readonly header?: string;
  readonly chat?: Partial<ChatRequest>;
  readonly plan?: Plan;
};

const tell = async (events: readonly AnswerEvent[], { header = "true", chat, plan = team }: Asked = {}) => {
  async function* batches(): Events {
    yield* events.map((event) => [event]);
  }
  const request = { headers: new Headers({ "x-shoal-progress": header }), chat: chatOf("hi", chat), plan };
  const told = tellProgress(batches(), request, { sealProgress: async () => "ours" });
  const all: AnswerEvent[] = [];
  for await (const batch of told) all.push(...batch);
  return all;
};

const linesOf = (events: readonly AnswerEvent[]) =>
  events.flatMap((event) => (event.type === "progress" ? [event.text] : []));

const drafts = [
  stepStart("draft1", "w/a"),
  stepStart("draft2", "w/b"),
  stepEnd("draft2", "w/b", "failed", upstreamError("network")),
  stepEnd("draft1", "w/a", "done"),
  stepStart("judge", "w/c", "judge"),
  start,
  textDelta("Three"),
  stepEnd("judge", "w/c", "done"),
  endedBy("judge", "w/c"),
];

const skipped = (step: string, reason: "accepted" | "nothing_to_see"): AnswerEvent => ({
  type: "step-end",
  step,
  worker: `w/${step}`,
  outcome: "skipped",
  skipped: { role: "answer", reason },
});

describe("what a team does", () => {
  it("is told worker by worker up to the answer's first word, under our signature", async () => {
    const events = await tell(drafts);
    expect(linesOf(events)).toEqual([
      "w/a is answering.\n",
      "w/b is answering.\n",
      "w/b failed.\n",
      "w/a is done.\n",
      "w/c is judging.\n",
    ]);
    expect(events[1]).toEqual({ type: "progress", text: "w/a is answering.\n", signature: "ours" });
    expect(events.filter(({ type }) => type !== "progress")).toEqual(drafts);
  });

  it("is told of each phase of a task with tools", async () => {
    const events = [
      stepStart("plan", "w/b", "think"),
      stepEnd("plan", "w/b", "done"),
      stepStart("act", "w/a", "act"),
      reasoningDelta("hm"),
      stepEnd("act", "w/a", "done"),
      stepStart("verify", "w/b", "verify"),
      stepEnd("verify", "w/b", "canceled"),
      stepStart("revise", "w/a", "revise"),
      textDelta("95 m"),
    ];
    expect(linesOf(await tell(events))).toEqual([
      "w/b is thinking.\n",
      "w/b is done.\n",
      "w/a is working.\n",
      "w/a is done.\n",
      "w/b is checking.\n",
      "w/b was no longer needed.\n",
      "w/a is revising.\n",
    ]);
  });

  it("is told of who is not needed once an answer is accepted, and of who has nothing to see", async () => {
    const events = [stepStart("check", "w/b", "verify"), skipped("c", "nothing_to_see"), skipped("d", "accepted")];
    expect(linesOf(await tell(events))).toEqual([
      "w/b is checking.\n",
      "w/c was skipped.\n",
      "w/d was no longer needed.\n",
    ]);
  });

  it("is nothing while one worker acts alone in the midst of a task", async () => {
    const acts = [stepStart("act", "w/a", "act"), start, toolCall(0, "depth"), stepEnd("act", "w/a", "done")];
    expect(await tell(acts)).toEqual(acts);
    const checked = [...acts.slice(0, 1), stepEnd("act", "w/a", "done"), stepStart("verify", "w/b", "verify")];
    expect(linesOf(await tell(checked))).toEqual(["w/b is checking.\n"]);
  });
});

describe("who is told", () => {
  it.each<[string, Asked]>([
    ["sends the header", { header: "true" }],
    ["says so in its metadata", { header: "", chat: { metadata: { shoal_progress: "true" } } }],
    ["wants summaries of thoughts", { header: "", chat: { thoughts: { summary: "auto" } } }],
  ])("is who %s", async (_, asked) => {
    expect(linesOf(await tell(drafts, asked))).toHaveLength(5);
  });

  it.each<[string, Asked]>([
    ["asks for nothing", { header: "" }],
    ["declines", { header: "false", chat: { metadata: { shoal_progress: "false" } } }],
    ["wants proofs of thoughts alone", { header: "", chat: { thoughts: {} } }],
    ["is answered by one worker", { plan: directPlan("w/a") }],
  ])("is not who %s", async (_, asked) => {
    expect(await tell(drafts, asked)).toEqual(drafts);
  });
});
