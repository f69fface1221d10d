import { systemClock, type Clock } from "./clock.ts";
import { createHealths, type Health } from "../pool/health.ts";
import { createObjects, type ObjectBindings, type Objects } from "../objects/objects.ts";
import { createOutbox, type Outbox } from "../objects/outbox.ts";
import { readKnown } from "../plan/edge-head.ts";
import type { ProviderEnv } from "../providers/provider.ts";
import { readRoster, type Roster } from "../pool/roster.ts";
import { createPricedRoster, type PricedRoster } from "../pool/set-prices.ts";
import { readSettings, type Settings } from "./settings.ts";

/** What an isolate has for all of its requests: configuration, and what it remembers. No promise, no stream. */
export type Runtime = {
  readonly settings: Settings;
  /** With the prices that the cards say. */
  readonly roster: Roster;
  readonly priced: PricedRoster;
  readonly clock: Clock;
  readonly objects: Objects;
  readonly outbox: Outbox;
  /** What was seen of the workers in a tenant's requests. */
  readonly healthOf: (tenant: string) => Health;
  readonly fetch: typeof fetch;
};

const runtimes = new WeakMap<object, Runtime>();

/** The isolate's runtime; made at its first request. Throws when the configuration is wrong. */
export const runtimeOf = (env: ObjectBindings): Runtime => {
  const known = runtimes.get(env);
  if (known) return known;
  try {
    const made = createRuntime(env);
    runtimes.set(env, made);
    return made;
  } catch (cause) {
    // These name variables and fields, never their values.
    console.error({ event: "configuration", message: cause instanceof Error ? cause.message : "" });
    throw cause;
  }
};

const createRuntime = (env: ObjectBindings): Runtime => {
  const settings = readSettings(env);
  const clock = systemClock;
  const objects = createObjects(env, settings);
  const roster = readRoster(stringsOf(env), {
    localChat: settings.localChat,
    dataRegions: settings.dataRegions,
    known: readKnown(),
  });
  return {
    settings,
    roster,
    priced: createPricedRoster({ roster, clock, readPrices: () => objects.region().listPrices() }),
    clock,
    objects,
    outbox: createOutbox(objects, clock),
    healthOf: createHealths(),
    // A host that sends a call elsewhere would send the prompt and the credential along.
    fetch: (input, init) => fetch(input, { ...init, redirect: "manual" }),
  };
};

const stringsOf = (env: object): ProviderEnv =>
  Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => typeof entry[1] === "string"));
