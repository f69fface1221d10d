import type { Ballot, Coefficients } from "./ballot.ts";
import type { Candidate, Decision, PlanRequest, Score } from "./decision.ts";
import { trustIn } from "./feedback.ts";
import type { Prediction, ProfilePrediction } from "./head.ts";
import { fractionOf } from "./ngrams.ts";
import { directPlan, judgeTask, type Plan, type Step } from "./plan.ts";
import { viewText } from "./prompt-view.ts";
import { teamWorth, tellWorth } from "./team-worth.ts";

/** Below this support the profiles' means decide, and the reason says so. */
export const leastSupport = 0.25;

/** Quality that a worker loses for being known through a relative only, or not at all. */
const doubt = 0.05;

/** The quality of a worker of which nothing is known, beside none that is known better. */
const unknownQuality = 0.5;

/** Share of prompts on which workers that are not well known may lead, all of them together, beside one that is. */
export const trialShare = 0.05;

/** Up to this standard error of its quality on a prompt a calibrated worker is well known. */
export const maxStandardError = 0.08;

/** Output tokens where no profile in the pool has a measured mean: a longish answer. */
const unknownOutputTokens = 800;

/** Drafts are written by workers whose utility is within this of the best. */
const nearBest = 0.15;
const maxDrafts = 3;
const maxVoters = 8;

/**
 * The decision, one for service, training, evaluation and edge:
 * utility = quality − λ·cost − μ·latency + bias, best first, and the plan that the tier makes of that order. Where a
 * team is worth it the plan has the fixed shape, which runs should a planner fail, or where there is none.
 */
export const decide = (prediction: Prediction, request: PlanRequest, weights: string): Decision => {
  const views = assess(prediction, request, weights);
  const supported = prediction.support >= leastSupport;
  const [type] = prediction.types;
  const { plan, shape } = planOf(views, prediction, request);
  return {
    plan,
    scores: views.map((view) => view.score),
    reason: reasonOf(views, shape, { supported, type: type?.name ?? null }),
    taskType: supported && type ? type : null,
    support: prediction.support,
    weights,
  };
};

type Assessed = {
  readonly candidate: Candidate;
  readonly score: Score;
  /** Null where nothing is known of the worker. */
  readonly known: ProfilePrediction | null;
  readonly wellKnown: boolean;
};

const assess = (prediction: Prediction, request: PlanRequest, weights: string): readonly Assessed[] => {
  const raw = request.candidates.map((candidate) => ({ candidate, known: knownOf(prediction, candidate) }));
  const tokens = meanOf(raw.flatMap(({ known }) => known?.outputTokens ?? [])) ?? unknownOutputTokens;
  const quality = qualities(raw);
  const trust = request.biasWeights === undefined ? 1 : trustIn(request.biasWeights, weights);
  const drafts = raw.map(({ candidate, known }, at) => ({
    candidate,
    known,
    bias: trust * biasOf(candidate, prediction),
    quality: quality[at] ?? unknownQuality,
    costDollars: costOfCall(candidate, request.inputTokens, known?.outputTokens ?? tokens),
    latencyMs: candidate.latencyMs ?? known?.latencyMs ?? null,
  }));
  const dearest = Math.max(0, ...drafts.map((draft) => draft.costDollars ?? 0));
  const slowest = Math.max(0, ...drafts.map((draft) => draft.latencyMs ?? 0));
  const scored = drafts.map(({ candidate, known, bias, ...draft }) => ({
    candidate,
    known,
    wellKnown: isWellKnown(candidate, known),
    score: {
      worker: candidate.worker,
      ...draft,
      ...(bias !== 0 && { bias }),
      utility:
        draft.quality -
        request.lambda * (draft.costDollars ?? dearest) -
        (request.mu * (draft.latencyMs ?? slowest)) / 1000 +
        bias,
    },
  }));
  return holdBack(scored, request).toSorted(
    (a, b) => b.score.utility - a.score.utility || b.score.quality - a.score.quality,
  );
};

/** The correction on this prompt: far from every recorded one, the part that holds for all types. */
const biasOf = ({ bias, typeBias }: Candidate, { types, support }: Prediction): number =>
  typeBias === undefined
    ? bias
    : types.reduce((sum, { name, probability }) => sum + support * probability * (typeBias[name] ?? 0), bias);

const knownOf = (prediction: Prediction, candidate: Candidate): ProfilePrediction | null =>
  candidate.strengths === "none" || candidate.profile === null
    ? null
    : (prediction.profiles.get(candidate.profile) ?? null);

/** Expected dollars; what the vendor's prompt cache may save is not foreseen. */
const costOfCall = ({ price, costFactor = 1 }: Candidate, inputTokens: number, outputTokens: number): number | null => {
  if (price === null) return null;
  const rates = price.tiers?.findLast((tier) => inputTokens > tier.aboveInputTokens) ?? price;
  return (costFactor * (inputTokens * rates.input + outputTokens * rates.output)) / 1_000_000;
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

const isWellKnown = ({ strengths }: Candidate, known: ProfilePrediction | null): boolean =>
  strengths === "measured" && known !== null && (known.standardError ?? 0) <= maxStandardError;

/**
 * Ignorance is no advantage: beside workers that are well known the others rank behind them all, except on the share of
 * prompts where one of them is on trial and ranks by its own utility. The prompt's text decides which those are, so the
 * same prompt is decided the same everywhere.
 */
const holdBack = (scored: readonly Assessed[], { view }: PlanRequest): readonly Assessed[] => {
  const known = scored.filter(({ wellKnown }) => wellKnown);
  const others = scored.length - known.length;
  if (known.length === 0 || others === 0) return scored;
  const text = viewText(view);
  const isHeld = ({ wellKnown, candidate }: Assessed) =>
    !wellKnown && fractionOf(`${candidate.worker}\n${text}`) >= trialShare / others;
  const lowest = Math.min(...known.map(({ score }) => score.utility));
  const highest = Math.max(...scored.filter(isHeld).map(({ score }) => score.utility));
  const excess = Math.max(0, highest - lowest + behind);
  return scored.map((entry) =>
    isHeld(entry) ? { ...entry, score: { ...entry.score, utility: entry.score.utility - excess } } : entry,
  );
};

/** How far in utility those held back stand behind the last that is well known. */
const behind = 0.001;

const meanOf = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;

/** `shape`: in plain words, and why where there was a choice. */
type Shaped = { readonly plan: Plan; readonly shape: string };

const planOf = (views: readonly Assessed[], prediction: Prediction, request: PlanRequest): Shaped => {
  const scores = views.map((view) => view.score);
  const [best] = scores;
  if (!best) throw new Error("a plan request has at least one candidate");
  const direct = directPlan(best.worker);
  if (request.tier === "mini" || request.tools || scores.length === 1) return shaped(direct);
  const coefficients = request.extractor === null ? undefined : prediction.ballot[request.extractor];
  if (request.extractor !== null && coefficients) {
    const ballot = ballotOf(views, { ...request, extractor: request.extractor }, coefficients);
    return shaped({ kind: "ballot", ballot });
  }
  if (prediction.support < leastSupport && isSlight(request)) {
    return { plan: direct, shape: "one call: so short a prompt leaves a team little to do" };
  }
  const drafts = { kind: "workflow" as const, steps: draftsAndJudge(scores, judgeOf(views)) };
  const worth = teamWorth(scores, request, drafts.steps.length);
  if (!worth.isWorthIt) return { plan: direct, shape: tellWorth(worth) };
  // Who is asked to write the workflow tells its shape.
  return { plan: drafts, shape: request.planner ? tellWorth(worth) : `${tellWorth(worth)}; ${tellShape(drafts)}` };
};

/**
 * Whether a prompt of which the weights know nothing is a greeting or a word in passing: short, and nothing much
 * before or with them. A judgment.
 */
const isSlight = ({ view: { head, tail }, inputTokens }: PlanRequest): boolean =>
  head.length + tail.length <= slight.characters && inputTokens <= slight.tokens;
const slight = { characters: 20, tokens: 300 } as const;

const shaped = (plan: Plan): Shaped => ({ plan, shape: tellShape(plan) });

/** Nobody on trial judges. */
const judgeOf = (views: readonly Assessed[]): string | null =>
  (views.find(({ wellKnown }) => wellKnown) ?? views[0])?.score.worker ?? null;

const ballotOf = (
  views: readonly Assessed[],
  request: PlanRequest & { readonly extractor: Ballot["extractor"] },
  coefficients: Coefficients,
): Ballot => ({
  extractor: request.extractor,
  order: views.slice(0, maxVoters).map(({ score }) => ({
    worker: score.worker,
    logit: logitOf(score.quality + (score.bias ?? 0)),
    costDollars: score.costDollars,
  })),
  wave: waveOf(
    views.map((view) => view.score),
    request,
  ),
  coefficients,
  lambda: request.lambda,
  judge: judgeOf(views),
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

const draftsAndJudge = (scores: readonly Score[], judge: string | null): Step[] => {
  const [best] = scores;
  const near = scores.filter((score, at) => at < 2 || score.utility >= (best?.utility ?? 0) - nearBest);
  const drafts = near.slice(0, maxDrafts).map((score, at): Step => ({
    id: `draft_${at + 1}`,
    worker: score.worker,
    role: "answer",
    subtask: null,
    access: "none",
  }));
  return [...drafts, { id: "judge", worker: judge ?? "", role: "judge", subtask: judgeTask, access: "all" }];
};

const reasonOf = (
  views: readonly Assessed[],
  shape: string,
  evidence: { readonly supported: boolean; readonly type: string | null },
): string => {
  const [best] = views;
  if (!best) return "no candidate";
  const ground = evidence.supported
    ? `task type ${evidence.type ?? "unknown"}`
    : "out_of_support: far from every recorded prompt, so the workers' means decide";
  const strengths = { measured: "measured", prior: "taken from a relative", none: "unknown" }[best.candidate.strengths];
  const error = best.known?.standardError ?? null;
  const quality = `${best.score.quality.toFixed(3)}${error === null ? "" : ` ± ${error.toFixed(3)}`}${correctionOf(best)}`;
  const price = best.score.costDollars === null ? "unknown price" : `$${best.score.costDollars.toFixed(6)}`;
  const lead = `${best.score.worker} has the best utility (quality ${quality}, ${strengths}; ${price})${trialOf(best, views)}`;
  return `${ground}; ${lead}; ${shape}`;
};

const correctionOf = ({ score: { bias = 0 } }: Assessed): string =>
  bias === 0 ? "" : ` ${bias < 0 ? "−" : "+"} ${Math.abs(bias).toFixed(3)} by feedback`;

const trialOf = (best: Assessed, views: readonly Assessed[]): string =>
  best.wellKnown || views.every(({ wellKnown }) => !wellKnown)
    ? ""
    : ` and is being tried: workers that are not well known lead at most ${100 * trialShare} % of prompts`;

/** A plan that a decision makes, in plain words. */
export const tellShape = (plan: Plan): string => {
  if (plan.kind === "ballot") return `ballot over ${plan.ballot.order.length} workers until decided`;
  return plan.steps.length === 1 ? "one call" : `${plan.steps.length - 1} drafts, then a judge that writes the answer`;
};
