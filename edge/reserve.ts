import type { ChatRequest } from "../shared/chat.ts";
import { answererOf, needsOf, workersOf, type Plan, type Step } from "../shared/plan.ts";
import { boundOf, type MicroDollars } from "../shared/pricing.ts";
import { ok, type Result } from "../shared/result.ts";
import type { ShoalError } from "../shared/errors.ts";
import { withoutReview } from "../shared/team.ts";
import { boundInput, countInput, type InputTokens } from "../shared/tokens.ts";
import type { WorkerCard } from "../shared/workers.ts";
import { draw, type AdmitDeps, type Grant } from "./admit.ts";
import type { KeyRecord, Opening } from "./objects/records.ts";
import { gatherMs, type Outbox } from "./objects/outbox.ts";
import type { Member } from "./pool/pool.ts";
import { logBug } from "./runtime/log-bug.ts";
import type { Settings } from "./runtime/settings.ts";

/** The cap to which an unaffordable request is shrunk before it is refused. */
const smallCap = 1_024;
/** Above what marks and introductions add for one result, and for the task. */
const frameTokens = 768;
/** No tokenizer in use needs twice the tokens of another for the same text. */
const tokenizerSpread = 2;
const maxBytesPerCharacter = 3;

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
  /** Sets more aside for a call that the plan did not foresee; false when the dollars cannot be had. */
  readonly extend: (worker: string, chat: ChatRequest) => Promise<boolean>;
  /** The same for a worker that need not be in the request's pool, under a cap of its own. */
  readonly extendTo: (card: WorkerCard, chat: ChatRequest, cap: Reservation["outputCap"]) => Promise<boolean>;
  /**
   * Sets aside what another plan costs at most beyond what the calls so far have left of all that was. False when it
   * cannot be had.
   */
  readonly cover: (plan: Plan, soFar: SoFar) => Promise<boolean>;
};

/** `given`: steps whose results are there, and may be seen by a plan's; and what the request's calls came to. */
export type SoFar = { readonly given: readonly Step[]; readonly spent: MicroDollars; readonly calls: number };

/**
 * Sets aside the most that the plan can cost (every call it may run, all input at its dearest rate, all output up to the
 * cap) and tells the tenant's object that the request opens. What cannot be afforded is tried again with a small cap,
 * then refused with `insufficient_budget`. A team's review is extended for when its time has come: most turns have none.
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
  const bounds = { input: request.input, outputCap, cardOf: cardsOf(request.pool) };
  const sure = withoutReview(plan);
  const workers = workersOf(sure);
  const need = {
    amount: boundPlan(sure, bounds),
    tokens: foreseeTokens(request.input, { ...request, calls: workers.length }),
  };
  const drawn = await draw(request.grant, need, deps);
  if (!drawn.ok) return drawn;
  const { permit } = request.grant;
  const { leaseId } = drawn.value;
  open(
    { part: 0, ...need, leaseId, ...(permit !== undefined && { permit }), worker: workers.at(-1) ?? "" },
    request,
    deps,
  );

  const all = { parts: 1, amount: need.amount, calls: workers.length };
  const add = async (more: Need, worker: string): Promise<boolean> => {
    const { calls, ...drawnFor } = more;
    const extension = await draw(request.grant, drawnFor, deps).catch(withoutObject);
    if (!extension?.ok) return false;
    open({ part: all.parts, ...drawnFor, leaseId: extension.value.leaseId, worker }, request, deps);
    all.parts += 1;
    all.amount += more.amount;
    all.calls += calls;
    return true;
  };
  const extendTo: Reservation["extendTo"] = (card, chat, cap) => {
    const input = countInput(chat);
    const amount = boundCall(card, { input, maxOutputTokens: chat.maxOutputTokens }, { outputCap: cap });
    return add({ amount, tokens: foreseeTokens(input, { ...request, chat, calls: 1 }), calls: 1 }, card.id);
  };
  const cover: Reservation["cover"] = async (other, { given, spent, calls: made }) => {
    const amount = Math.max(0, spent + boundPlan(other, bounds, given) - all.amount);
    const calls = Math.max(0, made + workersOf(other).length - all.calls);
    const tokens = calls > 0 ? foreseeTokens(request.input, { ...request, calls }) : 0;
    return (amount === 0 && tokens === 0) || add({ amount, tokens, calls }, answererOf(other));
  };
  const extend: Reservation["extend"] = (worker, chat) => extendTo(bounds.cardOf(worker), chat, outputCap);
  return ok({ outputCap, extend, extendTo, cover });
};

type Need = { readonly amount: MicroDollars; readonly tokens: number; readonly calls: number };

/** What is extended can be done without: an object that is away gives nothing, and takes no answer along. */
const withoutObject = (cause: unknown): null => {
  logBug(cause);
  return null;
};

/**
 * Tokens that count at once against a limit per minute: the likely input of each call, and of the output what the client
 * asks for. What no client names is not guessed: settlement puts what vendors counted in the place of all this, and a
 * minute that was overdrawn makes the next requests wait. A request never needs more than a whole minute's.
 */
const foreseeTokens = (
  { likely }: Pick<InputTokens, "likely">,
  { chat, grant, calls }: Pick<ReserveInput, "chat" | "grant"> & { readonly calls: number },
): number => {
  const { tokensPerMinute } = grant.record;
  return tokensPerMinute === null ? 0 : Math.min(tokensPerMinute, calls * (likely + (chat.maxOutputTokens ?? 0)));
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
  reserved: Pick<Opening, "part" | "tokens" | "amount" | "permit" | "leaseId" | "worker">,
  { grant, chat }: ReserveInput,
  deps: ReserveDeps,
): void => {
  const { tenant, keyId } = grant.identity;
  const at = deps.clock.now();
  const { totalMs, settleMs } = deps.settings.deadlines;
  const expiresAt = at + totalMs + settleMs;
  deps.outbox.open(tenant, {
    requestId: deps.requestId,
    keyId,
    ...reserved,
    at: deps.arrivedAt,
    expiresAt,
    model: chat.model,
  });
  deps.outbox.sendOpenings(tenant, gatherMs.openings, deps.waitUntil);
};

type BoundedInput = Pick<InputTokens, "bound" | "images">;

type Bounds = {
  readonly input: BoundedInput;
  readonly outputCap: (card: WorkerCard) => number;
  readonly cardOf: (worker: string) => WorkerCard;
};

type BoundedCall = { readonly input: BoundedInput; readonly maxOutputTokens: number | undefined };

/** Micro-dollars that one call costs at most. */
const boundCall = (card: WorkerCard, call: BoundedCall, { outputCap }: Pick<Bounds, "outputCap">): MicroDollars => {
  const output = Math.min(outputCap(card), call.maxOutputTokens ?? Infinity);
  // A worker without a price counts nothing; tenants with a budget are never given one.
  return card.price === null ? 0 : boundOf(card.price, boundInput(call.input, card), output);
};

/** Micro-dollars that a plan costs at most. `given`: see `cover`. */
export const boundPlan = (plan: Plan, bounds: Bounds, given: readonly Step[] = []): MicroDollars => {
  const boundStep = (step: BoundedStep, seen: readonly BoundedStep[]) => {
    const bound = bounds.input.bound + boundFrame(seen, step.subtask ?? null, bounds);
    const input = { bound, images: bounds.input.images };
    return boundCall(bounds.cardOf(step.worker), { input, maxOutputTokens: step.maxOutputTokens }, bounds);
  };
  if (plan.kind === "ballot") {
    const { order, judge } = plan.ballot;
    return order.reduce(
      (sum, voter) => sum + boundStep(voter, []),
      judge === null ? 0 : boundStep({ worker: judge }, order),
    );
  }
  const seenBy = (step: Step) => {
    const needs = needsOf(step, plan.steps);
    return [...given, ...plan.steps].filter(({ id }) => needs.includes(id));
  };
  return plan.steps.reduce((sum, step) => sum + boundStep(step, seenBy(step)), 0);
};

type BoundedStep = { readonly worker: string } & Partial<Pick<Step, "subtask" | "maxOutputTokens">>;

/** Tokens of the words of others, of what they were asked and of the subtask, as another tokenizer may count them. */
const boundFrame = (seen: readonly BoundedStep[], subtask: string | null, { outputCap, cardOf }: Bounds): number =>
  seen.reduce(
    (sum, other) =>
      sum +
      tokenizerSpread * Math.min(outputCap(cardOf(other.worker)), other.maxOutputTokens ?? Infinity) +
      maxBytesPerCharacter * (other.subtask?.length ?? 0),
    0,
  ) +
  (seen.length > 0 || subtask !== null ? frameTokens * (seen.length + 1) : 0) +
  maxBytesPerCharacter * (subtask?.length ?? 0);
