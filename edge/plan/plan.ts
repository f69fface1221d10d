import { newResults, usesTools, type ChatRequest } from "../../shared/chat.ts";
import { decide } from "../../shared/decide.ts";
import { decisionSchema, type Candidate, type Decision, type PlanRequest } from "../../shared/decision.ts";
import type { TenantBias } from "../../shared/feedback.ts";
import { directPlan, isDirect, parsePlan, type Plan } from "../../shared/plan.ts";
import { teamOf } from "../../shared/team.ts";
import { promptView } from "../../shared/prompt-view.ts";
import { detectExtractor } from "../../shared/detect-extractor.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { Clock } from "../runtime/clock.ts";
import { plannerTask } from "../../shared/planner-task.ts";
import { uncalled, wantsWriting, withoutWriting } from "../../shared/settle-writing.ts";
import type { Fallback, PlanInput, Planned, PlannerFallback } from "./planned.ts";
import { edgeWeights, predictAtEdge } from "./edge-head.ts";
import type { Health } from "../pool/health.ts";
import type { Member } from "../pool/pool.ts";
import { readAtMost } from "../runtime/read-at-most.ts";
import type { Settings } from "../runtime/settings.ts";
import type { PlanSource } from "../account/trace.ts";
import { ownerOfToolCall } from "../conversation/tool-call-id.ts";
import { formTeam } from "./form-team.ts";
import { tryAnother } from "./try-another.ts";

export type PlanDeps = {
  readonly settings: Pick<Settings, "inference" | "planMs" | "planner">;
  readonly health: Pick<Health, "latencyMs" | "costFactor">;
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  readonly random: () => number;
};

/**
 * Who works on the request. A turn whose worker is settled (named by the client, owner of an open tool call, in
 * conversation) goes straight out. Else the conductor decides within the tier's deadline; late, failed or invalid, the
 * edge head makes the same decision on coarser features; of a key that explores, a share is drawn. Never fails.
 */
export const plan = async (input: PlanInput, deps: PlanDeps): Promise<Planned> => {
  const settled = settledWorker(input);
  if (!settled) return tryAnother(await decideAnew(input, deps), input, deps);
  // The edge knows well enough who else could have worked on it: a turn that is settled waits for nobody.
  const decision = formTeam(settledDecision(settled), input, () => decideAtEdge(toPlanRequest(input, deps)).scores);
  return { decision, source: settled.source, fallback: null };
};

/** The conductor's decision, whatever is settled: what a dry run shows. */
export const decideAnew = async (input: PlanInput, deps: Omit<PlanDeps, "random">): Promise<Planned> => {
  const request = toPlanRequest(input, deps);
  const asked = await askConductor(request, deps);
  const decision = asked.ok ? asked.value : withoutPlanner(decideAtEdge(request), request);
  return {
    decision: formTeam(decision, input, () => decision.scores),
    source: asked.ok ? "conductor" : "edge_head",
    fallback: asked.ok ? plannerFallback(decision) : asked.error,
    ...(request.planner && !request.planner.task && wantsWriting(decision, request) && { unwritten: true }),
  };
};

/** Who did not decide does not write either. */
const withoutPlanner = (decision: Decision, request: PlanRequest): Decision =>
  request.planner?.task && wantsWriting(decision, request)
    ? withoutWriting(decision, "not_available", uncalled("conductor"))
    : decision;

export const plannerFallback = ({ writing }: Pick<Decision, "writing">): PlannerFallback | null =>
  !writing || writing.outcome === "written" ? null : `planner_${writing.outcome}`;

const decideAtEdge = (request: PlanRequest): Decision => decide(predictAtEdge(request), request, edgeWeights());

type Settled = { readonly worker: string; readonly source: PlanSource; readonly reason: string };

const settledWorker = ({ chat, choice, pool, affinityWorker }: PlanInput): Settled | null => {
  const ids = pool.map((member) => member.worker.card.id);
  if (choice.kind === "worker") {
    return choice.by === "baseline"
      ? { worker: choice.id, source: "baseline", reason: "the key is served by its baseline" }
      : { worker: choice.id, source: "client", reason: "the client named the worker" };
  }
  const owner = toolOwner(chat, ids);
  if (owner)
    return { worker: owner, source: "tool_owner", reason: "the worker made the tool calls that this turn answers" };
  if (choice.tier === "mini" && affinityWorker !== null && ids.includes(affinityWorker)) {
    return { worker: affinityWorker, source: "affinity", reason: "the conversation is with this worker" };
  }
  return null;
};

const toolOwner = (chat: ChatRequest, ids: readonly string[]): string | null => {
  const last = newResults(chat.messages).at(-1);
  return last ? ownerOfToolCall(last.toolCallId, ids) : null;
};

const settledDecision = ({ worker, reason }: Settled): Decision => ({
  plan: directPlan(worker),
  scores: [],
  reason,
  taskType: null,
  support: 0,
  weights: "",
});

const toPlanRequest = (
  { chat, choice, pool, input, preference, grant }: PlanInput,
  deps: Pick<PlanDeps, "settings" | "health">,
): PlanRequest => {
  const { bias } = grant.record;
  const tier = choice.kind === "tier" ? choice.tier : "mini";
  const tools = usesTools(chat);
  // One vote of many would have no log probabilities to show for the team.
  const extractor = tools || chat.logprobs ? null : detectExtractor(chat);
  const planner = tier === "ultra" && !tools && extractor === null ? askPlanner({ chat, pool }, deps) : null;
  return {
    view: promptView(chat),
    extractor,
    inputTokens: input.likely,
    tools,
    tier,
    lambda: preference.lambda,
    mu: preference.mu,
    deadlineMs: deps.settings.planMs[tier],
    ...(bias && { biasWeights: bias.weights }),
    candidates: pool.map(({ worker }) => toCandidate(worker.card, bias, deps)),
    ...(planner && { planner }),
  };
};

/** What a hosted planner reads beside the request, and writes, in tokens: to foresee what it costs. */
const plannerTokens = { input: 1_500, output: 500 } as const;

/** Until a hosted planner was seen at work. */
const likelyPlannerMs = 5_000;

/** The request's own words go out only where the inference service is to write of them. */
const askPlanner = (
  { chat, pool }: Pick<PlanInput, "chat" | "pool">,
  { settings, health }: Pick<PlanDeps, "settings" | "health">,
): PlanRequest["planner"] | null => {
  const { planner } = settings;
  if (planner === null) return null;
  const { worker, ms } = planner;
  // The service knows how long its own model takes.
  if (worker === null) return { costDollars: 0, waitMs: 0, task: plannerTask(chat), deadlineMs: ms };
  const price = pool.find((member) => member.worker.card.id === worker)?.worker.card.price ?? null;
  return {
    costDollars: price && (plannerTokens.input * price.input + plannerTokens.output * price.output) / 1_000_000,
    waitMs: health.latencyMs(worker) ?? likelyPlannerMs,
  };
};

const toCandidate = (
  card: Member["worker"]["card"],
  bias: TenantBias | undefined,
  deps: Pick<PlanDeps, "health">,
): Candidate => ({
  worker: card.id,
  profile: card.profile,
  strengths: card.strengths,
  price: card.price,
  latencyMs: deps.health.latencyMs(card.id),
  costFactor: deps.health.costFactor(card.id),
  bias: bias?.workers[card.id]?.all ?? 0,
  ...(bias?.workers[card.id] && { typeBias: bias.workers[card.id]?.types }),
});

/** Of a decision on as many candidates as there may be. */
const mostDecisionBytes = 256 * 1024;

const askConductor = async (
  request: PlanRequest,
  deps: Omit<PlanDeps, "random">,
): Promise<Result<Decision, Fallback>> => {
  const { inference } = deps.settings;
  if (inference === null) return err("not_configured");
  const controller = new AbortController();
  const waitMs = Math.max(request.deadlineMs, request.planner?.deadlineMs ?? 0);
  const cancel = deps.clock.after(waitMs, () => controller.abort());
  try {
    const response = await deps.fetch(`${inference.url}/v1/plan`, {
      method: "POST",
      headers: { authorization: `Bearer ${inference.secret}`, "content-type": "application/json" },
      body: JSON.stringify(request),
      signal: controller.signal,
    });
    const body = await readAtMost(response, mostDecisionBytes);
    // The service refuses at once what it cannot finish in time.
    if (!response.ok) return err(response.status === 503 ? "late" : "failed");
    return body === null ? err("invalid") : readDecision(body, request);
  } catch {
    return err(controller.signal.aborted ? "late" : "failed");
  } finally {
    cancel();
  }
};

const readDecision = (body: string, request: PlanRequest): Result<Decision, Fallback> => {
  const parsed = decisionSchema.safeParse(parseJson(body));
  if (!parsed.success) return err("invalid");
  const workers = new Set(request.candidates.map((candidate) => candidate.worker));
  const checked = parsePlan(parsed.data.plan, workers);
  if (!checked.ok || !fits(checked.value, request)) return err("invalid");
  return parsed.data.scores.every(({ worker }) => workers.has(worker))
    ? ok({ ...parsed.data, plan: checked.value })
    : err("invalid");
};

/**
 * One call where the tier promises it or tools are in play, for which the edge forms the team; a vote only on answers
 * that the edge can compare.
 */
const fits = (made: Plan, { tier, tools, extractor }: PlanRequest): boolean => {
  if (isDirect(made)) return true;
  if (teamOf(made)) return false;
  return tier === "ultra" && !tools && (made.kind === "workflow" || made.ballot.extractor === extractor);
};

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
