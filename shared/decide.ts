import type { Ballot, Coefficients } from "./ballot.ts";
import type { Candidate, Decision, PlanRequest, Score } from "./decision.ts";
import type { Prediction, ProfilePrediction } from "./head.ts";
import { directPlan, judgeTask, type Plan, type Step } from "./plan.ts";

/** Below this support the profiles' means decide, and the reason says so. */
export const leastSupport = 0.25;

/** Quality that a worker loses for being known through a relative only, or not at all. */
const doubt = 0.05;

/** The quality of a worker of which nothing is known, beside none that is known better. */
const unknownQuality = 0.5;

/** Output tokens where no profile in the pool has a measured mean: a longish answer. */
const unknownOutputTokens = 800;

/** Drafts are written by workers whose utility is within this of the best. */
const nearBest = 0.15;
const maxDrafts = 3;
const maxVoters = 8;

/**
 * The decision, one for service, training, evaluation and edge:
 * utility = quality − λ·cost − μ·latency + bias, best first, and the plan that the tier makes of that order.
 */
export const decide = (prediction: Prediction, request: PlanRequest, weights: string): Decision => {
  const views = assess(prediction, request);
  const supported = prediction.support >= leastSupport;
  const [type] = prediction.types;
  const plan = planOf(views, prediction, request);
  return {
    plan,
    scores: views.map((view) => view.score),
    reason: reasonOf(views, plan, { supported, type: type?.name ?? null }),
    taskType: supported && type ? type : null,
    support: prediction.support,
    weights,
  };
};

type Assessed = { readonly candidate: Candidate; readonly score: Score };

const assess = (prediction: Prediction, request: PlanRequest): readonly Assessed[] => {
  const raw = request.candidates.map((candidate) => ({ candidate, known: knownOf(prediction, candidate) }));
  const tokens = meanOf(raw.flatMap(({ known }) => known?.outputTokens ?? [])) ?? unknownOutputTokens;
  const quality = qualities(raw);
  const drafts = raw.map(({ candidate, known }, at) => ({
    candidate,
    quality: quality[at] ?? unknownQuality,
    costDollars: costOfCall(candidate, request.inputTokens, known?.outputTokens ?? tokens),
    latencyMs: candidate.latencyMs ?? known?.latencyMs ?? null,
  }));
  const dearest = Math.max(0, ...drafts.map((draft) => draft.costDollars ?? 0));
  const slowest = Math.max(0, ...drafts.map((draft) => draft.latencyMs ?? 0));
  const scored = drafts.map(({ candidate, ...draft }) => ({
    candidate,
    score: {
      worker: candidate.worker,
      ...draft,
      utility:
        draft.quality -
        request.lambda * (draft.costDollars ?? dearest) -
        (request.mu * (draft.latencyMs ?? slowest)) / 1000 +
        candidate.bias,
    },
  }));
  return holdBack(scored).toSorted((a, b) => b.score.utility - a.score.utility || b.score.quality - a.score.quality);
};

const knownOf = (prediction: Prediction, candidate: Candidate): ProfilePrediction | null =>
  candidate.strengths === "none" || candidate.profile === null
    ? null
    : (prediction.profiles.get(candidate.profile) ?? null);

/** Expected dollars; what the vendor's prompt cache may save is not foreseen. */
const costOfCall = ({ price }: Candidate, inputTokens: number, outputTokens: number): number | null => {
  if (price === null) return null;
  const rates = price.tiers?.findLast((tier) => inputTokens > tier.aboveInputTokens) ?? price;
  return (inputTokens * rates.input + outputTokens * rates.output) / 1_000_000;
};

type Raw = { readonly candidate: Candidate; readonly known: ProfilePrediction | null };

/** A relative's strengths count a little less; a worker that nothing is known of counts as the weakest that is known. */
const qualities = (raw: readonly Raw[]): readonly number[] => {
  const known = raw.flatMap((entry) => entry.known?.quality ?? []);
  const weakest = known.length > 0 ? Math.min(...known) : unknownQuality + doubt;
  return raw.map(({ candidate, known: own }) => {
    if (!own) return Math.max(0, weakest - doubt);
    return candidate.strengths === "measured" ? own.quality : Math.max(0, own.quality - doubt);
  });
};

/** Ignorance is no advantage: beside measured workers, one that was not measured ranks behind the best of them. */
const holdBack = (scored: readonly Assessed[]): readonly Assessed[] => {
  const measured = scored.filter(({ candidate }) => candidate.strengths === "measured");
  if (measured.length === 0) return scored;
  const best = Math.max(...measured.map(({ score }) => score.utility));
  return scored.map(({ candidate, score }) =>
    candidate.strengths === "measured" || score.utility < best
      ? { candidate, score }
      : { candidate, score: { ...score, utility: best - 0.001 } },
  );
};

const meanOf = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;

const planOf = (views: readonly Assessed[], prediction: Prediction, request: PlanRequest): Plan => {
  const scores = views.map((view) => view.score);
  const [best] = scores;
  if (!best) throw new Error("a plan request has at least one candidate");
  if (request.tier === "mini" || request.tools || scores.length === 1) return directPlan(best.worker);
  const coefficients = request.extractor === null ? undefined : prediction.ballot[request.extractor];
  if (request.extractor !== null && coefficients) {
    return { kind: "ballot", ballot: ballotOf(scores, { ...request, extractor: request.extractor }, coefficients) };
  }
  return { kind: "workflow", steps: draftsAndJudge(scores) };
};

const ballotOf = (
  scores: readonly Score[],
  request: PlanRequest & { readonly extractor: Ballot["extractor"] },
  coefficients: Coefficients,
): Ballot => ({
  extractor: request.extractor,
  order: scores.slice(0, maxVoters).map((score) => ({
    worker: score.worker,
    logit: logitOf(score.quality),
    costDollars: score.costDollars,
  })),
  wave: waveOf(scores, request),
  coefficients,
  lambda: request.lambda,
  judge: scores[0]?.worker ?? null,
});

/** Asking at once saves seconds and may waste calls: the wave is how many calls the saved seconds pay for, plus one. */
const waveOf = (scores: readonly Score[], request: PlanRequest): number => {
  const seconds = (meanOf(scores.flatMap((score) => score.latencyMs ?? [])) ?? 0) / 1000;
  const dollars = meanOf(scores.flatMap((score) => score.costDollars ?? [])) ?? 0;
  const saved = request.mu * seconds;
  if (saved === 0) return 1;
  const price = request.lambda * dollars;
  const paid = price === 0 ? maxWave : Math.floor(saved / price);
  return Math.min(maxWave, 1 + paid, scores.length);
};

/** Five upstream calls at once, one connection of six kept for the rest. */
const maxWave = 5;

const logitOf = (quality: number): number => {
  const inside = Math.min(0.999, Math.max(0.001, quality));
  return Math.log(inside / (1 - inside));
};

const draftsAndJudge = (scores: readonly Score[]): Step[] => {
  const [best] = scores;
  const near = scores.filter((score, at) => at < 2 || score.utility >= (best?.utility ?? 0) - nearBest);
  const drafts = near.slice(0, maxDrafts).map((score, at): Step => ({
    id: `draft_${at + 1}`,
    worker: score.worker,
    role: "answer",
    subtask: null,
    access: "none",
  }));
  return [...drafts, { id: "judge", worker: best?.worker ?? "", role: "judge", subtask: judgeTask, access: "all" }];
};

const reasonOf = (
  views: readonly Assessed[],
  plan: Plan,
  evidence: { readonly supported: boolean; readonly type: string | null },
): string => {
  const [best] = views;
  if (!best) return "no candidate";
  const ground = evidence.supported
    ? `task type ${evidence.type ?? "unknown"}`
    : "out_of_support: far from every recorded prompt, so the workers' means decide";
  const strengths = { measured: "measured", prior: "taken from a relative", none: "unknown" }[best.candidate.strengths];
  const price = best.score.costDollars === null ? "unknown price" : `$${best.score.costDollars.toFixed(6)}`;
  const lead = `${best.score.worker} has the best utility (quality ${best.score.quality.toFixed(3)}, ${strengths}; ${price})`;
  return `${ground}; ${lead}; ${shapeOf(plan)}`;
};

const shapeOf = (plan: Plan): string => {
  if (plan.kind === "ballot") return `ballot over ${plan.ballot.order.length} workers until decided`;
  return plan.steps.length === 1 ? "one call" : `${plan.steps.length - 1} drafts, then a judge that writes the answer`;
};
