import type { ChatRequest } from "../../shared/chat.ts";
import type { ShoalError } from "../../shared/errors.ts";
import { forecast, type ForecastStep } from "../../shared/forecast.ts";
import { toDollars, toMicroDollars } from "../../shared/pricing.ts";
import { ok, type Result } from "../../shared/result.ts";
import type { Context } from "../runtime/context.ts";
import type { Format } from "../formats/format.ts";
import { createAskConductor } from "../plan/ask-conductor.ts";
import { decideAnew } from "../plan/plan.ts";
import { afterEvents, type Planned } from "../plan/planned.ts";
import { writeWorkflow } from "../plan/write-workflow.ts";
import { giveBack } from "../admit.ts";
import { receive, withHealth, withTier, type Received } from "../receive.ts";
import { boundPlan, cardsOf, outputCapOf } from "../reserve.ts";
import { createPlanner } from "../write.ts";

/**
 * `POST /v1/plan`: what the conductor would do with the request, step by step, what it is expected to cost and take, and
 * the most it could cost (a hosted planner's own calls and a second round apart). No worker is called.
 */
export const previewPlan = async (
  request: Request,
  format: Format,
  context: Context,
): Promise<Result<object, ShoalError>> => {
  const asked = await receive(request, format, context);
  if (!asked.ok) return asked;
  try {
    return await preview(asked.value, context);
  } finally {
    // It calls no worker and is none of the key's requests; until then it is one of those at once.
    giveBack(asked.value.grant);
  }
};

const preview = async (asked: Received, context: Context): Promise<Result<object, ShoalError>> => {
  const received = withTier(asked, context);
  if (!received.ok) return received;
  const { rollout } = asked;
  const { chat, input, pool, grant, preference, rounds } = received.value;
  const planned = await writeOwn(await decideAnew(received.value, withHealth(grant, context)), chat, context);
  const { decision, source, fallback } = planned;
  const cardOf = cardsOf(pool);
  const outputCap = outputCapOf(chat.maxOutputTokens ?? null, grant.record, context.settings);
  const figures = new Map(decision.scores.map((score) => [score.worker, score]));
  const foreseen = forecast(decision.plan, {
    inputTokens: input.likely,
    figuresOf: (worker) => {
      const { costDollars = null, latencyMs = null } = figures.get(worker) ?? {};
      return { costDollars, latencyMs, price: cardOf(worker).price };
    },
  });
  return ok({
    object: "plan",
    model: chat.model,
    preference,
    ...(rollout && { mode: rollout.mode, arm: rollout.arm }),
    source,
    fallback,
    plan: decision.plan,
    reason: decision.reason,
    // A hosted planner is a worker, and no worker is called: the plan is what runs should it fail.
    ...(planned.unwritten && { planner: planned.unwritten.worker }),
    // What one more round would be, nobody knows before there is an answer.
    ...((planned.unwritten || planned.writing?.outcome === "written") && { rounds }),
    task_type: decision.taskType,
    support: decision.support,
    weights: decision.weights,
    scores: decision.scores.map((score) => ({
      worker: score.worker,
      quality: score.quality,
      /** What the tenant's feedback corrects of it. */
      bias: score.bias ?? 0,
      cost_usd: score.costDollars,
      latency_ms: score.latencyMs,
      utility: score.utility,
      price: cardOf(score.worker).price,
      strengths: cardOf(score.worker).strengths,
    })),
    steps: foreseen.steps.map(writeStep),
    min_cost_usd: roundDollars(foreseen.dollars.least),
    expected_cost_usd: roundDollars(foreseen.dollars.most),
    expected_ms: foreseen.ms,
    max_cost_usd: toDollars(boundPlan(decision.plan, { input, outputCap, cardOf })),
  });
};

/** The workflow of the inference service's own planner, which is no worker. */
const writeOwn = async (planned: Planned, chat: ChatRequest, context: Context): Promise<Planned> => {
  const { unwritten: setting } = planned;
  if (!setting || setting.worker !== null) return planned;
  const seams = { ask: createAskConductor(setting.ms, context), cover: async () => true };
  const planner = createPlanner({ planned, setting, chat }, seams, context);
  let written = planned;
  for await (const batch of writeWorkflow(planned.decision.plan, planner)) {
    written = afterEvents(written, batch);
  }
  return written;
};

const writeStep = (step: ForecastStep) => ({
  id: step.id,
  worker: step.worker,
  role: step.role,
  waits_for: step.waitsFor,
  begins_ms: step.beginsMs,
  ends_ms: step.endsMs,
  expected_cost_usd: roundDollars(step.dollars),
});

/** To the micro-dollar, as all amounts. */
const roundDollars = (dollars: number | null): number | null =>
  dollars === null ? null : toDollars(toMicroDollars(dollars));
