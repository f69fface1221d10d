import { usesTools, type ChatRequest } from "../../shared/chat.ts";
import type { ShoalError } from "../../shared/errors.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { KeyRecord } from "../objects/records.ts";
import { readCacheControl } from "./cache-control.ts";

/** What a request may do with the cache. */
export type CacheUse = {
  /** Whether key or request want a cache at all, so that the answer says what came of it. */
  readonly isWanted: boolean;
  readonly reads: boolean;
  readonly keeps: boolean;
  /** Seconds for which the answer may be given again. */
  readonly ttlSeconds: number;
  /** Seconds; an older answer is not taken. */
  readonly maxAgeSeconds: number;
  /** The client wants no other answer than a cached one. */
  readonly onlyIfCached: boolean;
};

export type CacheRequest = {
  readonly headers: Headers;
  readonly chat: ChatRequest;
  readonly key: Pick<KeyRecord, "cacheSeconds">;
};

const header = "x-shoal-cache";
const longestSeconds = 604_800;

/**
 * Whether an answer may come from the cache and go into it. The key's policy allows it, or the request by
 * `x-shoal-cache: <seconds>`, of which the shorter time counts; `cache-control` narrows it. Never with tools: what they
 * did would not be done again. By the policy alone only where the request does not ask for variety; who names the header
 * has said that any earlier answer will do.
 */
export const readCacheUse = ({ headers, chat, key }: CacheRequest): Result<CacheUse, ShoalError> => {
  const asked = readTtl(headers.get(header));
  if (!asked.ok) return asked;
  const control = readCacheControl(headers.get("cache-control"));
  const times = [asked.value, key.cacheSeconds].filter((seconds) => seconds !== null);
  const isWanted = times.length > 0;
  const ttlSeconds = isWanted ? Math.min(...times) : 0;
  const isFit = isWanted && !control.noStore && !usesTools(chat) && (asked.value !== null || !wantsVariety(chat));
  return ok({
    isWanted,
    reads: isFit && !control.noCache,
    keeps: isFit,
    ttlSeconds,
    maxAgeSeconds: Math.min(control.maxAge ?? Infinity, ttlSeconds - (control.minFresh ?? 0)),
    onlyIfCached: control.onlyIfCached,
  });
};

const readTtl = (value: string | null): Result<number | null, ShoalError> => {
  if (value === null) return ok(null);
  const seconds = Number(value);
  if (/^\d+$/.test(value) && seconds >= 1 && seconds <= longestSeconds) return ok(seconds);
  const message = `must be a number of seconds from 1 to ${longestSeconds}: how old an answer to the same request may be`;
  return err({ kind: "invalid_request", param: header, message });
};

/** A temperature without a seed asks for another answer each time; one left out says nothing of the kind. */
const wantsVariety = ({ sampling: { temperature, seed } }: ChatRequest): boolean =>
  temperature !== undefined && temperature > 0 && seed === undefined;
