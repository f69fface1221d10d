import { usesTools, type ChatRequest, type ReasoningEffort } from "../../shared/chat.ts";
import type { ShoalError } from "../../shared/errors.ts";
import { retirementOf } from "../../shared/retirements.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { InputTokens } from "../../shared/tokens.ts";
import { priceAt, type Ability, type Worker, type WorkerCard } from "../../shared/workers.ts";
import type { Clock } from "../runtime/clock.ts";
import { allowsModel, allowsWorker, withinVendors } from "./allowed.ts";
import type { Health } from "./health.ts";
import type { KeyRecord } from "../objects/records.ts";
import type { Connection, Provider } from "../providers/provider.ts";
import type { ModelChoice } from "./resolve-model.ts";
import { withinDataRegions, type RosterEntry } from "./roster.ts";

/** A worker that can be called: its card, and the provider that serves it with the operator's connection. */
export type Member = {
  readonly worker: Worker;
  readonly provider: Provider;
  readonly connection: Connection;
  /** Reached with a tenant's own key, or of a tenant's own making. */
  readonly own?: true;
  /** Reached with a tenant's own key, to whom the vendor sends its bill. */
  readonly ownKey?: true;
};

type Entries = readonly RosterEntry[];

export type PoolRequest = {
  readonly chat: ChatRequest;
  readonly choice: ModelChoice;
  readonly key: KeyRecord;
  readonly input: InputTokens;
};

export type PoolDeps = { readonly health: Pick<Health, "isUp">; readonly clock: Clock };

/**
 * The workers that may get this request: allowed to the key, named by the client or able to do all that it asks,
 * large enough for it, and not resting after failures (unless nothing else is left). A parameter narrows the pool;
 * the error names the one that emptied it.
 */
export const choosePool = (
  roster: Entries,
  request: PoolRequest,
  deps: PoolDeps,
): Result<readonly Member[], ShoalError> => {
  const now = deps.clock.now();
  const allowed = allow(roster, request, now);
  if (!allowed.ok) return allowed;
  const able = narrow(allowed.value, requirementsOf(request));
  if (!able.ok) return able;
  const fitting = fit(able.value, request.input);
  if (!fitting.ok) return fitting;
  const up = fitting.value.filter(({ card, own }) => own || deps.health.isUp(card.id, now));
  const effort = effortOf(request)?.effort ?? null;
  return ok(
    (up.length > 0 ? up : fitting.value).map(({ card, provider, upstream, connection, own, ownKey }) => ({
      worker: { card, provider: provider.name, upstream, reasoningEffort: card.efforts.length === 0 ? null : effort },
      provider,
      connection,
      ...(own && { own }),
      ...(ownKey && { ownKey }),
    })),
  );
};

/** The entry with the price that holds; itself where no change is announced. */
const pricedAt = (entry: RosterEntry, now: number): RosterEntry =>
  entry.card.priceChanges ? { ...entry, card: { ...entry.card, price: priceAt(entry.card, now) } } : entry;

const allow = (roster: Entries, { chat, choice, key }: PoolRequest, now: number): Result<Entries, ShoalError> => {
  const isLive = ({ card }: RosterEntry) => retirementOf(card.id, now) === null;
  if (!roster.some(isLive)) {
    const message = "no provider is configured within this region's data regions";
    return err({ kind: "no_worker", message, retryAfterSeconds: null });
  }
  if (!allowsModel(key, chat.model))
    return err({ kind: "forbidden", message: `the key may not use the model '${chat.model.slice(0, 200)}'` });
  const named = choice.kind === "worker" ? roster.filter(({ card }) => card.id === choice.id) : roster;
  const permitted = named.filter((entry) => isLive(entry) && allowsWorker(key, entry.card.id));
  if (permitted.length === 0)
    return err({ kind: "forbidden", message: "the key may not use any worker for this model" });
  const made = withinVendors(permitted, key.allowedVendors);
  if (made.length === 0) {
    const message = `the key may use the vendors ${key.allowedVendors?.join(", ")}, and none of them makes and serves a worker for this model`;
    return err({ kind: "forbidden", message });
  }
  const located = withinDataRegions(made, key.allowedDataRegions).map((entry) => pricedAt(entry, now));
  if (located.length === 0) {
    const regions = key.allowedDataRegions?.join(", ");
    const message = `the key may use workers whose data region is ${regions}, and no worker for this model has one of them`;
    return err({ kind: "forbidden", message });
  }
  const priced = key.hasBudget ? located.filter(({ card }) => card.price !== null) : located;
  if (priced.length === 0) {
    return err({ kind: "forbidden", message: "the key has a budget, and no worker it may use has a known price" });
  }
  return ok(priced);
};

type Requirement = { readonly param: string; readonly met: (card: WorkerCard, provider: Provider) => boolean };

const ability = (name: Ability, param: string): Requirement => ({
  param,
  met: (card, provider) => card.abilities.includes(name) && provider.abilities.has(name),
});

/** The effort wanted, and the parameter that says so: a name with an effort goes before `reasoning_effort`. */
const effortOf = ({
  chat,
  choice,
}: PoolRequest): { readonly effort: ReasoningEffort; readonly param: string } | null => {
  if (choice.kind === "worker" && choice.effort !== null) return { effort: choice.effort, param: "model" };
  return chat.reasoningEffort === undefined ? null : { effort: chat.reasoningEffort, param: "reasoning_effort" };
};

const samplingAbility = (
  name: "temperature" | "top_p" | "top_k" | "logprobs",
  effort: ReasoningEffort,
): Requirement => {
  const { param, met } = ability(name, name);
  const takes = (card: WorkerCard) => effort === "none" || card.samplesOnlyWithoutReasoning !== true;
  return { param, met: (card, provider) => met(card, provider) && takes(card) };
};

/** What the request asks beyond plain text, in the order in which a caller would look for the culprit. */
const requirementsOf = (request: PoolRequest): readonly Requirement[] => {
  const { chat } = request;
  const { sampling } = chat;
  const wanted = effortOf(request);
  const parts = chat.messages.flatMap((message) => (message.role === "system" ? [] : [...message.content]));
  const images = parts.filter((part) => part.type === "image");
  const asks: readonly (Requirement | false)[] = [
    usesTools(chat) && ability("tools", "tools"),
    (chat.toolChoice === "required" || typeof chat.toolChoice === "object") && ability("tool_choice", "tool_choice"),
    chat.tools.length > 0 && chat.parallelToolCalls === false && ability("parallel_tool_calls", "parallel_tool_calls"),
    images.length > 0 && ability("vision", "messages"),
    images.some((image) => "url" in image.source) && ability("image_url", "messages"),
    parts.some((part) => part.type === "file") && ability("file", "messages"),
    chat.output.type === "json_object" && ability("json_object", "response_format"),
    chat.output.type === "json_schema" && ability("json_schema", "response_format"),
    (sampling.temperature ?? 1) !== 1 && samplingAbility("temperature", wanted?.effort ?? "none"),
    (sampling.topP ?? 1) !== 1 && samplingAbility("top_p", wanted?.effort ?? "none"),
    sampling.topK !== undefined && samplingAbility("top_k", wanted?.effort ?? "none"),
    (sampling.frequencyPenalty ?? 0) !== 0 && ability("frequency_penalty", "frequency_penalty"),
    (sampling.presencePenalty ?? 0) !== 0 && ability("presence_penalty", "presence_penalty"),
    sampling.seed !== undefined && ability("seed", "seed"),
    chat.stop.length > 0 && ability("stop", "stop"),
    chat.logprobs !== undefined && samplingAbility("logprobs", wanted?.effort ?? "none"),
    chat.verbosity !== undefined && ability("verbosity", "verbosity"),
    wanted !== null && {
      param: wanted.param,
      // A worker without the setting does not reason: that is what `none` asks for.
      met: ({ efforts }) => efforts.includes(wanted.effort) || (wanted.effort === "none" && efforts.length === 0),
    },
  ];
  return asks.filter((requirement) => requirement !== false);
};

const narrow = (roster: Entries, requirements: readonly Requirement[]): Result<Entries, ShoalError> => {
  let left = roster;
  for (const { param, met } of requirements) {
    const able = left.filter(({ card, provider }) => met(card, provider));
    if (able.length === 0) {
      const message = `no worker available to this key supports '${param}' as requested, together with the request's other parameters`;
      return err({ kind: "unsupported_parameter", param, message });
    }
    left = able;
  }
  return ok(left);
};

const fit = (roster: Entries, input: InputTokens): Result<Entries, ShoalError> => {
  const fitting = roster.filter(({ card }) => input.likely < card.contextTokens);
  if (fitting.length > 0) return ok(fitting);
  const limitTokens = Math.max(...roster.map(({ card }) => card.contextTokens));
  return err({ kind: "context_too_long", tokens: input.likely, limitTokens });
};

/** The request without parameters that only repeat a vendor's default, where the worker would refuse them. */
export const withoutDefaults = (chat: ChatRequest, card: WorkerCard): ChatRequest => {
  const { temperature, topP, topK, frequencyPenalty, presencePenalty, seed } = chat.sampling;
  const takes = (name: Ability) => card.abilities.includes(name);
  return {
    ...chat,
    sampling: {
      ...(temperature !== undefined && takes("temperature") && { temperature }),
      ...(topP !== undefined && takes("top_p") && { topP }),
      ...(topK !== undefined && { topK }),
      ...(frequencyPenalty !== undefined && takes("frequency_penalty") && { frequencyPenalty }),
      ...(presencePenalty !== undefined && takes("presence_penalty") && { presencePenalty }),
      ...(seed !== undefined && { seed }),
    },
  };
};
