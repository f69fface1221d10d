import { newResults, type ChatRequest } from "../../shared/chat.ts";
import type { ShoalError } from "../../shared/errors.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { AffinityKeys } from "../conversation/affinity.ts";
import { ownerOfToolCall } from "../conversation/tool-call-id.ts";
import type { Objects } from "../objects/objects.ts";
import type { KeyRecord } from "../objects/records.ts";
import type { ModelChoice } from "../pool/resolve-model.ts";
import { hmac } from "../runtime/hmac.ts";
import { createMemory } from "../runtime/memory.ts";
import type { Settings } from "../runtime/settings.ts";
import type { Timing } from "../runtime/timing.ts";
import type { Arm } from "./figures.ts";
import type { Mode, Rollout } from "./rollout.ts";

/** `rollout`: null where the client named the worker, and for a key that has no baseline to move from. */
export type Serving = { readonly choice: ModelChoice; readonly rollout: Rollout | null };

export type ArmRequest = {
  readonly choice: ModelChoice;
  readonly key: KeyRecord;
  readonly tenant: string;
  readonly chat: ChatRequest;
  readonly affinity: Pick<AffinityKeys, "previous"> | null;
};

export type ArmDeps = {
  readonly objects: Pick<Objects, "tenant">;
  readonly settings: Pick<Settings, "keySecret">;
  readonly timing: Pick<Timing, "waited">;
  /** What a worker's name stands for, and every worker that there is. */
  readonly resolve: (name: string) => Result<ModelChoice, ShoalError>;
  readonly workers: () => readonly string[];
};

/**
 * Which arm serves a request for a tier, by the mode that its key is in. A canary draws by conversation: with its first
 * messages, so that it stays where it is, and those that a higher percentage brings in are new. `invalid_request` where
 * the mode needs a baseline and none is named.
 */
export const chooseArm = async (request: ArmRequest, deps: ArmDeps): Promise<Result<Serving, ShoalError>> => {
  const { choice, key } = request;
  const { mode, baseline, stage } = key.rollout;
  if (choice.kind === "worker") return ok({ choice, rollout: null });
  if (baseline === null) return mode === "on" ? ok({ choice, rollout: null }) : err(noBaseline(mode));
  const { name, share } = await drawOf(request, deps);
  const arm = await armOf(request, share, deps);
  const counted = stage === undefined ? {} : { stage };
  const rollout = { mode, arm, baseline, conversation: name, ...counted };
  if (arm === "shoal") return ok({ choice, rollout });
  const served = deps.resolve(baseline);
  if (!served.ok) return served;
  return served.value.kind === "worker"
    ? ok({ choice: { ...served.value, by: "baseline" }, rollout })
    : err(noWorker(baseline));
};

const noBaseline = (mode: Mode): ShoalError => ({
  kind: "invalid_request",
  message: `the key is in mode '${mode}', which serves its baseline, and no baseline is named`,
  param: "model",
});

const noWorker = (baseline: string): ShoalError => ({
  kind: "invalid_request",
  message: `the key's baseline '${baseline}' is no worker`,
  param: "model",
});

const armOf = async (request: ArmRequest, share: number, deps: ArmDeps): Promise<Arm> => {
  const { key, chat } = request;
  const { mode, canaryPercent, baseline, unsettled } = key.rollout;
  if (mode === "on") return "shoal";
  if (mode !== "canary") return "baseline";
  const owner = ownerOf(chat, deps.workers);
  // Only the conductor's choice can have brought it there; its calls are answered where they were made.
  if (owner !== null && owner !== baseline) return "shoal";
  const drawn: Arm = share < canaryPercent / 100 ? "shoal" : "baseline";
  const isUnsettled = unsettled && share >= unsettled.least / 100 && share < unsettled.most / 100;
  return isUnsettled ? ((await recallArm(request, deps)) ?? drawn) : drawn;
};

const ownerOf = (chat: ChatRequest, workers: () => readonly string[]): string | null => {
  const last = newResults(chat.messages).at(-1);
  return last ? ownerOfToolCall(last.toolCallId, workers()) : null;
};

const remembered = createMemory<Arm>(10_000);

/** The next turn of a conversation, by its affinity key, will find its arm here. */
export const rememberArm = (key: string, arm: Arm): void => remembered.set(key, arm);

/** The arm in which a conversation is since before the percentage changed; null when it begins, or is not known. */
const recallArm = async ({ affinity, tenant, key }: ArmRequest, { objects, timing }: ArmDeps): Promise<Arm | null> => {
  const previous = affinity?.previous ?? null;
  if (previous === null) return null;
  const known = remembered.get(previous);
  if (known) return known;
  timing.waited();
  const found = await objects
    .tenant(tenant)
    .findConversation(previous)
    // A conversation that changes sides does less harm than one that is refused.
    .catch(() => null);
  if (found === null) return null;
  return found.arm ?? (found.worker === key.rollout.baseline ? "baseline" : "shoal");
};

/** A conversation's name, and where between 0 and 1 it is drawn: by tenant, end user and the messages that began it. */
const drawOf = async (
  { tenant, chat }: ArmRequest,
  { settings }: ArmDeps,
): Promise<{ readonly name: string; readonly share: number }> => {
  const answered = chat.messages.findIndex(({ role }) => role === "assistant");
  const opening = answered < 0 ? chat.messages : chat.messages.slice(0, answered);
  const text = JSON.stringify(["rollout", tenant, chat.user ?? null, opening], withoutMarks);
  const bytes = new DataView(await hmac(settings.keySecret || "unset", text));
  return {
    name: Array.from({ length: 8 }, (_, at) => bytes.getUint8(at).toString(16).padStart(2, "0")).join(""),
    share: bytes.getUint32(8) / 2 ** 32,
  };
};

/** Clients move their cache marks along with a conversation, which stays the same. */
const withoutMarks = (key: string, value: unknown): unknown => (key === "cacheHere" ? undefined : value);
