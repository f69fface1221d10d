import { toWire, type ShoalError } from "../../shared/errors.ts";
import type { AnswerEvent } from "../../shared/events.ts";
import { workersOf } from "../../shared/plan.ts";
import { toDollars } from "../../shared/pricing.ts";
import { addUsage, noUsage } from "../../shared/usage.ts";
import type { Writing } from "../../shared/planner/outcome.ts";
import type { Grant } from "../admit.ts";
import type { AffinityKeys } from "../conversation/affinity.ts";
import type { Clock } from "../runtime/clock.ts";
import type { ClientRequest } from "../formats/format.ts";
import type { CallRow, Settlement } from "../objects/records.ts";
import { plannerSteps, withWritten, type Planned } from "../plan/planned.ts";
import type { ModelChoice } from "../pool/resolve-model.ts";
import type { Rollout } from "../rollout/rollout.ts";
import { takeSample } from "../rollout/sample.ts";
import type { Settings } from "../runtime/settings.ts";
import type { Timing } from "../runtime/timing.ts";
import type { PlannerTrace, RevisionTrace, Trace, TraceError, TraceStep } from "./trace.ts";

/** Characters of a vendor's name for a model that are kept: a trace has to fit where traces are. */
const longestModel = 200;
/** Whose answer it is, and how it was planned. */
export type Booked = {
  readonly grant: Grant;
  readonly client: ClientRequest;
  readonly choice: ModelChoice;
  readonly planned: Planned;
  /** Null when the conversation has no worker to stay with. */
  readonly affinity: AffinityKeys | null;
  /** The arm that serves it; absent where there are none. */
  readonly rollout?: Rollout | null;
};

export type BookDeps = {
  readonly requestId: string;
  readonly arrivedAt: number;
  readonly settings: Pick<Settings, "region">;
  readonly timing: Timing;
  readonly clock: Clock;
  /** Aborted when the reader has left. */
  readonly signal: AbortSignal;
};

/** What the ledger has of a replayed answer, whatever the client is shown of it: one request, for nothing, to nobody. */
const fromCache: CallRow = { step: "cache", worker: "cache", provider: "cache", usage: noUsage, cost: 0 };

/** Whether a step is a planner's call. */
export const isPlanning = ({ step }: { readonly step: string }): boolean => plannerSteps.some((id) => id === step);

/** A failed worker's step is tried again under the same name by another. */
const keyOf = (event: { readonly step: string; readonly worker: string }) => `${event.step} ${event.worker}`;

export type Closed = { readonly settlement: Settlement; readonly trace: Trace; readonly planned: Planned };

type OpenStep = { -readonly [Key in keyof TraceStep]: TraceStep[Key] };

/** Reads what is told of an answer, and gives the ledger's row and the trace at its end. */
export const createBook = (subject: Booked, deps: BookDeps) => {
  const { clock, timing } = deps;
  const steps = new Map<string, OpenStep>();
  const calls: CallRow[] = [];
  let { planned } = subject;
  let answeredBy: string | null = null;
  let upstreamModel: string | null = null;
  let error: ShoalError | null = null;
  const elapsed = () => clock.now() - deps.arrivedAt;

  const read = (event: AnswerEvent): void => {
    switch (event.type) {
      case "step-start":
        if (!isPlanning(event)) timing.mark("first_call");
        steps.set(keyOf(event), openStep(event, elapsed()));
        return;
      case "usage": {
        if (subject.planned.source === "cache") return void calls.push(fromCache);
        const { type: _, ...row } = event;
        calls.push(row);
        Object.assign(steps.get(keyOf(event)) ?? {}, {
          usage: event.usage,
          cost_usd: event.cost === null ? null : toDollars(event.cost),
        });
        return;
      }
      case "step-end": {
        const failure = event.error ? toTraceError(event.error) : null;
        const ended = { ended_ms: elapsed(), outcome: event.outcome, error: failure };
        if (event.skipped) {
          const { role, reason } = event.skipped;
          steps.set(keyOf(event), { ...openStep({ ...event, role }, elapsed()), ...ended, skipped: reason });
        } else Object.assign(steps.get(keyOf(event)) ?? {}, ended);
        return;
      }
      case "written":
        timing.mark("write");
        planned = withWritten(planned, event);
        return;
      case "end":
        answeredBy = event.worker;
        return;
      case "error":
        // What a call says of being canceled is no failure of the request.
        if (!deps.signal.aborted) error = event.error;
        return;
      case "start":
        // After a failover the last to start is the one that answers.
        upstreamModel = event.model?.slice(0, longestModel) ?? null;
        timing.mark("first_event");
        return;
      case "text-delta":
      case "tool-call-start":
        timing.mark("first_token");
        return;
      default:
        return;
    }
  };

  const close = (): Closed => {
    timing.mark("total");
    const status = error !== null ? "failed" : answeredBy !== null ? "complete" : "aborted";
    const worker = answeredBy;
    const { affinity, rollout, client } = subject;
    const sample = rollout && takeSample(rollout, { planned, status, stream: client.stream, timing: timing.read() });
    return {
      settlement: {
        requestId: deps.requestId,
        keyId: subject.grant.identity.keyId,
        ...(subject.grant.permit !== undefined && { permit: subject.grant.permit }),
        at: deps.arrivedAt,
        model: subject.client.chat.model,
        worker,
        status,
        calls,
        affinity:
          affinity && worker !== null ? { key: affinity.next, worker, ...(rollout && { arm: rollout.arm }) } : null,
        ...(sample && { rollout: sample }),
      },
      planned,
      trace: toTrace({ ...subject, planned }, deps, {
        status,
        worker,
        upstreamModel,
        error,
        steps: [...steps.values()],
        calls,
      }),
    };
  };

  return {
    read: (batch: readonly AnswerEvent[]) => batch.forEach(read),
    /** What comes after the reader has left is accounted for, but no longer an answer. */
    drain: (batch: readonly AnswerEvent[]) => batch.filter(({ type }) => type !== "end").forEach(read),
    close,
  };
};

const openStep = (event: { step: string; worker: string; role: string }, at: number): OpenStep => ({
  step: event.step,
  worker: event.worker,
  role: event.role,
  started_ms: at,
  ended_ms: null,
  outcome: null,
  error: null,
  usage: null,
  cost_usd: null,
});

const toPlannerTrace = ({ by, outcome, problems, unused, inputTokens, outputTokens, ms }: Writing): PlannerTrace => ({
  by,
  outcome,
  problems,
  unused_steps: unused,
  input_tokens: inputTokens,
  output_tokens: outputTokens,
  ms: Math.round(ms),
});

const toRevisionTrace = ({ plan, writing }: NonNullable<Planned["revision"]>): RevisionTrace => ({
  ...toPlannerTrace(writing),
  workers: plan ? workersOf(plan) : [],
});

const toTraceError = (error: ShoalError): TraceError => {
  const { status, type, code } = toWire(error);
  return { status, type, code };
};

type Outcome = Pick<Trace, "status" | "worker" | "steps"> & {
  readonly upstreamModel: string | null;
  readonly error: ShoalError | null;
  readonly calls: readonly CallRow[];
};

const toTrace = (subject: Booked, deps: BookDeps, outcome: Outcome): Trace => {
  const { status, worker, upstreamModel, error, steps, calls } = outcome;
  const { grant, client, choice, planned } = subject;
  const { decision, source, fallback } = planned;
  return {
    id: deps.requestId,
    object: "trace",
    at: deps.arrivedAt,
    tenant: grant.identity.tenant,
    key_id: grant.identity.keyId,
    region: deps.settings.region,
    model: client.chat.model,
    tier: choice.kind === "tier" ? choice.tier : null,
    stream: client.stream,
    status,
    error: error === null ? null : toTraceError(error),
    worker,
    upstream_model: upstreamModel,
    plan: {
      source,
      fallback,
      kind: decision.plan.kind,
      workers: workersOf(decision.plan),
      reason: decision.reason,
      task_type: decision.taskType,
      support: source === "conductor" || source === "edge_head" ? decision.support : null,
      weights: decision.weights === "" ? null : decision.weights,
      scores: decision.scores,
      ...(planned.exploration && { exploration: planned.exploration }),
      ...(planned.writing && { planner: toPlannerTrace(planned.writing) }),
      ...(planned.revision && { revision: toRevisionTrace(planned.revision) }),
    },
    ...(subject.rollout && { rollout: subject.rollout }),
    steps,
    cost_usd: calls.some((call) => call.cost === null)
      ? null
      : toDollars(calls.reduce((sum, call) => sum + (call.cost ?? 0), 0)),
    usage_source: calls.reduce((sum, call) => addUsage(sum, call.usage), noUsage).source,
    timing: deps.timing.read(),
  };
};
