/** Decisions that other routers published for recorded prompts. */
import { playSingle } from "../replay/replay.ts";
import type { Rule } from "../replay/baselines.ts";
import type { Prompt } from "./prompts.ts";
import type { Recording } from "./recordings.ts";

export type Published = {
  readonly router: string;
  /** The worker that it chose; null where it said nothing. */
  readonly choiceOf: (prompt: Prompt) => string | null;
};

/** A router's choice is a model's name, or an object that has it under `model` or `worker`. */
export const publishedOf = (recordings: readonly Recording[]): readonly Published[] => {
  const choices = new Map<string, Map<string, string>>();
  for (const recording of recordings) {
    for (const [router, decision] of Object.entries(recording.published_decisions ?? {})) {
      const model = modelOf(decision);
      if (model === null) continue;
      const chosen = choices.get(router) ?? new Map<string, string>();
      choices.set(router, chosen.set(recording.id, recordedName(model, recording)));
    }
  }
  return [...choices].map(([router, chosen]) => ({ router, choiceOf: (prompt) => chosen.get(prompt.id) ?? null }));
};

/** What the chosen worker recorded; a worker that the record lacks counts as wrong. */
export const publishedRule =
  ({ choiceOf }: Published): Rule =>
  (prompt) =>
    playSingle(prompt, choiceOf(prompt) ?? "");

const modelOf = (decision: unknown): string | null => {
  if (typeof decision === "string") return decision;
  if (typeof decision !== "object" || decision === null) return null;
  const named = "model" in decision ? decision.model : "worker" in decision ? decision.worker : null;
  return typeof named === "string" ? named : null;
};

/** Routers spell models their own way: a vendor before the name, case and punctuation do not count. */
const recordedName = (model: string, recording: Recording): string =>
  model in recording.models
    ? model
    : (Object.keys(recording.models).find((name) => plain(name) === plain(model)) ?? model);

const plain = (name: string): string => (name.split("/").at(-1) ?? name).toLowerCase().replaceAll(/[^a-z0-9]/g, "");
