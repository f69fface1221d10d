import type { CachedAnswer } from "../objects/cache/cached-answers.ts";
import type { Clock } from "../runtime/clock.ts";
import { createSealer } from "../runtime/seal.ts";
import type { Settings } from "../runtime/settings.ts";
import type { Recording } from "./recording.ts";

/** One tenant's cached answers, encrypted where they lie. */
export interface AnswerStore {
  /** Null when there is none; `late` when the object did not say in time. */
  find(key: string): Promise<Recording | null | "late">;
  keep(key: string, recording: Recording, ttlSeconds: number): Promise<void>;
}

/** A part of the cache, as far as the store needs it. */
type Shard = {
  find(key: string): Promise<string | null>;
  keep(answer: CachedAnswer): Promise<void>;
};

export type AnswerStoreDeps = {
  readonly settings: Pick<Settings, "keySecret" | "cacheReadMs">;
  readonly objects: { cache(tenant: string, key: string): Shard };
  readonly clock: Clock;
  readonly waitUntil: (work: Promise<unknown>) => void;
  readonly newId: () => string;
};

/** Of an answer's JSON, in bytes. */
export const maxAnswerBytes = 256 * 1024;

export const createAnswerStore = (tenant: string, deps: AnswerStoreDeps): AnswerStore => {
  const sealer = createSealer(deps.settings.keySecret, deps.newId);
  const purposeOf = (key: string) => `cache ${tenant} ${key}`;
  const shardOf = (key: string) => deps.objects.cache(tenant, key);

  /** Nobody is kept waiting by a cache for longer than it is worth. */
  const inTime = async <T>(work: Promise<T>): Promise<T | "late"> => {
    const settled = work.catch(() => "late" as const);
    deps.waitUntil(settled);
    const late = Promise.withResolvers<"late">();
    const cancel = deps.clock.after(deps.settings.cacheReadMs, () => late.resolve("late"));
    const answer = await Promise.race([settled, late.promise]);
    cancel();
    return answer;
  };

  return {
    async find(key) {
      const sealed = await inTime(shardOf(key).find(key));
      if (sealed === null || sealed === "late") return sealed;
      const text = await sealer.open(sealed, purposeOf(key));
      return text === null ? null : parseRecording(text);
    },
    async keep(key, recording, ttlSeconds) {
      const text = JSON.stringify(recording);
      if (new TextEncoder().encode(text).length > maxAnswerBytes) return;
      const sealed = await sealer.seal(text, purposeOf(key));
      await shardOf(key).keep({ key, sealed, expiresAt: recording.at + ttlSeconds * 1000 });
    },
  };
};

const parseRecording = (text: string): Recording => {
  const recording: Recording = JSON.parse(text);
  return recording;
};
