import type { ShoalError } from "../../shared/errors.ts";
import { directPlan } from "../../shared/plan.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { Events } from "../execute/execute.ts";
import type { Planned } from "../plan/planned.ts";
import { logBug } from "../runtime/log-bug.ts";
import type { Timing } from "../runtime/timing.ts";
import { createAnswerStore, maxAnswerBytes, type AnswerStore, type AnswerStoreDeps } from "./answer-store.ts";
import { cacheKey, type KeyDeps, type KeyedRequest } from "./cache-key.ts";
import { readCacheUse, type CacheUse } from "./cache-use.ts";
import { createRecorder, type Recording } from "./recording.ts";

export type CachedRequest = KeyedRequest & { readonly headers: Headers };

/** What came of a look into the cache. */
export type LookedUp = {
  /** An earlier answer to the same request, and how it came about; null when there is none. */
  readonly replay: { readonly events: Events; readonly planned: Planned } | null;
  /** Passes an answer on, and keeps it once it is whole. */
  readonly keep: (events: Events) => Events;
  /** `x-cache`, and the `age` of what comes from it; none where nobody wants a cache. */
  readonly headers: Readonly<Record<string, string>>;
};

export type CacheDeps = KeyDeps & AnswerStoreDeps & { readonly timing: Timing };

/**
 * Looks for an answer to the same request by the same tenant. A request without a cache waits for nothing here, one with
 * a cache at most for `SHOAL_CACHE_READ_MS`. Fails with `not_cached` where the client wants nothing but a cached answer,
 * and with `invalid_request` for a wrong header.
 */
export const lookUp = async (request: CachedRequest, deps: CacheDeps): Promise<Result<LookedUp, ShoalError>> => {
  const { headers, chat, grant } = request;
  const read = readCacheUse({ headers, chat, key: grant.record });
  if (!read.ok) return read;
  const use = read.value;
  if (!use.keeps) return use.onlyIfCached ? err({ kind: "not_cached" }) : ok(without(use));

  const key = await cacheKey(request, deps);
  const store = createAnswerStore(grant.identity.tenant, deps);
  if (use.reads) deps.timing.waited();
  const found: Found = use.reads ? await store.find(key) : "unread";
  deps.timing.mark("cache");
  const now = deps.clock.now();
  if (isRecording(found) && isFresh(found, use, now)) return ok(again(found, now));
  if (use.onlyIfCached) return err({ kind: "not_cached" });
  return ok({
    replay: null,
    keep: (events) => record(events, { key, use, store }, deps),
    headers: { "x-cache": typeof found === "string" ? "BYPASS" : "MISS" },
  });
};

type Found = Recording | null | "late" | "unread";

const isRecording = (found: Found): found is Recording => found !== null && typeof found === "object";

const without = ({ isWanted }: CacheUse): LookedUp => ({
  replay: null,
  keep: (events) => events,
  headers: isWanted ? { "x-cache": "BYPASS" } : {},
});

const ageOf = ({ at }: Recording, now: number): number => Math.max(0, Math.floor((now - at) / 1000));

const isFresh = (recording: Recording, { maxAgeSeconds }: CacheUse, now: number): boolean =>
  now - recording.at < maxAgeSeconds * 1000;

const again = (recording: Recording, now: number): LookedUp => {
  const age = ageOf(recording, now);
  return {
    replay: { events: tell(recording), planned: plannedAs(recording, age) },
    keep: (events) => events,
    headers: { "x-cache": "HIT", age: String(age) },
  };
};

async function* tell({ events }: Recording): Events {
  yield events;
}

const plannedAs = ({ worker }: Recording, age: number): Planned => ({
  decision: {
    plan: directPlan(worker),
    scores: [],
    reason: `the same request was answered ${age} seconds ago`,
    taskType: null,
    support: 0,
    weights: "",
  },
  source: "cache",
  fallback: null,
});

type Place = { readonly key: string; readonly use: CacheUse; readonly store: AnswerStore };

/** The last event does not wait for the disk. A reader who leaves before it takes the recording along. */
async function* record(events: Events, { key, use, store }: Place, deps: CacheDeps): Events {
  const recorder = createRecorder(maxAnswerBytes);
  for await (const batch of events) {
    for (const event of batch) recorder.push(event);
    if (batch.some(({ type }) => type === "end")) {
      const recording = recorder.recording(deps.clock.now());
      // What cannot be kept will be asked again.
      if (recording) deps.waitUntil(store.keep(key, recording, use.ttlSeconds).catch(logBug));
    }
    yield batch;
  }
}
