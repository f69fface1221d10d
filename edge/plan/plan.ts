import { newResults, usesTools, type ChatRequest } from "../../shared/chat.ts";
import { decide } from "../../shared/decide.ts";
import { decisionSchema, type Candidate, type Decision, type PlanRequest } from "../../shared/decision.ts";
import type { TenantBias } from "../../shared/feedback.ts";
import { directPlan, isDirect, parsePlan, type Plan } from "../../shared/plan.ts";
import { teamOf } from "../../shared/team.ts";
import { promptView } from "../../shared/prompt-view.ts";
import { detectExtractor } from "../../shared/detect-extractor.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { wantsWriting } from "../../shared/planner/settle.ts";
import { postConductor, type ConductorDeps, type ConductorError } from "./post-conductor.ts";
import type { Fallback, PlanInput, Planned } from "./planned.ts";
import { edgeWeights, predictAtEdge } from "./edge-head.ts";
import type { Health } from "../pool/health.ts";
import type { Member } from "../pool/pool.ts";
import type { Settings } from "../runtime/settings.ts";
import type { PlanSource } from "../account/trace.ts";
import { ownerOfToolCall } from "../conversation/tool-call-id.ts";
import { formTeam } from "./form-team.ts";
import { tryAnother } from "./try-another.ts";

export type PlanDeps = ConductorDeps & {
  readonly settings: Pick<Settings, "inference" | "planMs" | "planner">;
  readonly health: Pick<Health, "latencyMs" | "costFactor">;
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
  const known = asked.ok ? request : withoutConductor(request);
  const decision = asked.ok ? asked.value : decideAtEdge(known);
  return {
    decision: formTeam(decision, input, () => decision.scores),
    source: asked.ok ? "conductor" : "edge_head",
    fallback: asked.ok ? null : asked.error,
    ...(deps.settings.planner && wantsWriting(decision, known) && { unwritten: deps.settings.planner }),
  };
};

/** Who did not decide does not write either. */
const withoutConductor = ({ planner, ...request }: PlanRequest): PlanRequest =>
  planner?.by === "worker" ? { ...request, planner } : request;

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

const toPlanRequest = (asked: PlanInput, deps: Pick<PlanDeps, "settings" | "health">): PlanRequest => {
  const { chat, choice, pool, input, preference, grant } = asked;
  const { bias } = grant.record;
  const tier = choice.kind === "tier" ? choice.tier : "mini";
  const tools = usesTools(chat);
  // One vote of many would have no log probabilities to show for the team.
  const extractor = tools || chat.logprobs ? null : detectExtractor(chat);
  const planner = tier === "ultra" && !tools && extractor === null ? foreseePlanner(asked, deps) : null;
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

/** Null where there is none, or none that may read this request. */
const foreseePlanner = (
  { plannerCard, rounds }: PlanInput,
  { settings, health }: Pick<PlanDeps, "settings" | "health">,
): PlanRequest["planner"] | null => {
  if (settings.planner === null) return null;
  const { worker } = settings.planner;
  if (worker === null) return { by: "conductor", costDollars: 0, waitMs: 0 };
  const card = plannerCard(worker);
  if (card === null) return null;
  const { price } = card;
  const call = price && (plannerTokens.input * price.input + plannerTokens.output * price.output) / 1_000_000;
  // Each round asks it anew.
  return {
    by: "worker",
    costDollars: call && rounds * call,
    waitMs: rounds * (health.latencyMs(card.id) ?? likelyPlannerMs),
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
  const late = new AbortController();
  const cancel = deps.clock.after(request.deadlineMs, () => late.abort());
  const posted = await postConductor("/v1/plan", request, { mostBytes: mostDecisionBytes, signal: late.signal }, deps);
  cancel();
  if (posted.ok) return readDecision(posted.value, request);
  return err(late.signal.aborted ? "late" : fallbackOf(posted.error));
};

const fallbackOf = (error: ConductorError): Fallback => {
  if (error.kind === "not_configured") return "not_configured";
  if (error.kind === "unreadable") return "invalid";
  // The service refuses at once what it cannot finish in time.
  return error.kind === "refused" && error.status === 503 ? "late" : "failed";
};

const readDecision = (body: unknown, request: PlanRequest): Result<Decision, Fallback> => {
  const parsed = decisionSchema.safeParse(body);
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
