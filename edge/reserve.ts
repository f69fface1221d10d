import type { ChatRequest } from "../shared/chat.ts";
import { needsOf, workersOf, type Plan } from "../shared/plan.ts";
import { boundOf, type MicroDollars } from "../shared/pricing.ts";
import { ok, type Result } from "../shared/result.ts";
import type { ShoalError } from "../shared/errors.ts";
import type { InputTokens } from "../shared/tokens.ts";
import type { WorkerCard } from "../shared/workers.ts";
import { draw, type AdmitDeps, type Grant } from "./admit.ts";
import type { KeyRecord } from "./ledger.ts";
import type { Outbox } from "./outbox.ts";
import type { Member } from "./pool.ts";
import type { Settings } from "./settings.ts";

/** The cap to which an unaffordable request is shrunk before it is refused. */
const smallCap = 1_024;
/** What a workflow step's frame adds to the words of another step. */
const frameTokens = 512;
/** How long after its last moment a request may still settle before it counts as lost. */
const settleMs = 60_000;
/** Openings of requests that arrive together share one message. */
const gatherMs = 1;

export type ReserveInput = {
  readonly chat: Pick<ChatRequest, "model" | "maxOutputTokens">;
  readonly pool: readonly Member[];
  readonly input: InputTokens;
  readonly grant: Grant;
};

export type ReserveDeps = AdmitDeps & {
  readonly settings: Pick<Settings, "maxOutputTokens" | "deadlines">;
  readonly outbox: Outbox;
  readonly requestId: string;
  readonly arrivedAt: number;
};

export type Reservation = {
  /** Output tokens that a call may use; sent upstream. */
  readonly outputCap: (card: WorkerCard) => number;
  /** Sets more aside for a worker that the plan did not name; false when the dollars cannot be had. */
  readonly extend: (worker: string) => Promise<boolean>;
};

/**
 * Sets aside the most that the plan can cost (every call it may run, all input at its dearest rate, all output up to the
 * cap) and tells the tenant's object that the request opens. What cannot be afforded is tried again with a small cap,
 * then refused with `insufficient_budget`.
 */
export const reserve = async (
  request: ReserveInput,
  plan: Plan,
  deps: ReserveDeps,
): Promise<Result<Reservation, ShoalError>> => {
  const clientCap = request.chat.maxOutputTokens ?? null;
  const full = await reserveUpTo(outputCapOf(clientCap, request.grant.record, deps.settings), plan, request, deps);
  if (full.ok || full.error.kind !== "insufficient_budget") return full;
  if (clientCap !== null && clientCap <= smallCap) return full;
  return reserveUpTo(outputCapOf(smallCap, request.grant.record, deps.settings), plan, request, deps);
};

/** Output tokens of a call: the smallest of the client's, the key's, the operator's and the card's cap. */
export const outputCapOf =
  (clientCap: number | null, key: KeyRecord, settings: Pick<Settings, "maxOutputTokens">) =>
  (card: WorkerCard): number =>
    Math.min(
      ...[clientCap, key.outputCap, settings.maxOutputTokens].filter((cap) => cap !== null),
      card.maxOutputTokens,
    );

const reserveUpTo = async (
  outputCap: Reservation["outputCap"],
  plan: Plan,
  request: ReserveInput,
  deps: ReserveDeps,
): Promise<Result<Reservation, ShoalError>> => {
  const bounds = { inputTokens: request.input.bound, outputCap, cardOf: cardsOf(request.pool) };
  const amount = boundPlan(plan, bounds);
  const drawn = await draw(request.grant, amount, deps);
  if (!drawn.ok) return drawn;
  open({ amount, leaseId: drawn.value.leaseId }, plan, request, deps);
  return ok({
    outputCap,
    extend: async (worker) => (await draw(request.grant, boundCall(worker, [], bounds), deps)).ok,
  });
};

/** The cards of a pool by id; throws for a stranger, which no checked plan names. */
export const cardsOf = (pool: readonly Member[]) => {
  const cards = new Map(pool.map(({ worker }) => [worker.card.id, worker.card]));
  return (worker: string): WorkerCard => {
    const card = cards.get(worker);
    if (!card) throw new Error(`the plan names ${worker}, which is not in the pool`);
    return card;
  };
};

const open = (
  lease: { readonly amount: MicroDollars; readonly leaseId: string },
  plan: Plan,
  { grant, chat }: ReserveInput,
  deps: ReserveDeps,
): void => {
  const { tenant, keyId } = grant.identity;
  const at = deps.clock.now();
  const expiresAt = at + deps.settings.deadlines.totalMs + settleMs;
  deps.outbox.open(tenant, {
    requestId: deps.requestId,
    keyId,
    ...lease,
    at: deps.arrivedAt,
    expiresAt,
    model: chat.model,
    worker: workersOf(plan).at(-1) ?? "",
  });
  deps.waitUntil(deps.outbox.send(tenant, gatherMs));
};

type Bounds = {
  readonly inputTokens: number;
  readonly outputCap: (card: WorkerCard) => number;
  readonly cardOf: (worker: string) => WorkerCard;
};

/** Micro-dollars that one call costs at most when its worker also sees the words of others. */
const boundCall = (
  worker: string,
  seen: readonly string[],
  { inputTokens, outputCap, cardOf }: Bounds,
): MicroDollars => {
  const card = cardOf(worker);
  const seenTokens = seen.reduce((sum, other) => sum + outputCap(cardOf(other)) + frameTokens, 0);
  // A worker without a price counts nothing; tenants with a budget are never given one.
  return card.price === null ? 0 : boundOf(card.price, inputTokens + seenTokens, outputCap(card));
};

/** Micro-dollars that a plan costs at most. */
export const boundPlan = (plan: Plan, bounds: Bounds): MicroDollars => {
  if (plan.kind === "ballot") {
    const voters = plan.ballot.order.map((voter) => voter.worker);
    const judge = plan.ballot.judge === null ? 0 : boundCall(plan.ballot.judge, voters, bounds);
    return voters.reduce((sum, voter) => sum + boundCall(voter, [], bounds), judge);
  }
  const workerOf = new Map(plan.steps.map((step) => [step.id, step.worker]));
  const seenBy = (step: (typeof plan.steps)[number]) =>
    needsOf(step, plan.steps).flatMap((id) => workerOf.get(id) ?? []);
  return plan.steps.reduce((sum, step) => sum + boundCall(step.worker, seenBy(step), bounds), 0);
};
