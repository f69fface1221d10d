import { err, ok, type Result } from "../../shared/result.ts";
import type { ShoalError } from "../../shared/errors.ts";
import { equalSecrets, hashKey, readApiKey, regionOf } from "./api-key.ts";
import { createMemory } from "../runtime/memory.ts";
import type { Settings } from "../runtime/settings.ts";

/** Whose request it is, as far as the key alone tells: the tenant's object decides whether the key is alive. */
export type Identity = {
  readonly tenant: string;
  readonly keyId: string;
  readonly keyHash: string;
  /** The key is `SHOAL_DEV_KEY`, which exists in the local start only. */
  readonly dev: boolean;
};

/** The local start's tenant; no other may have its name. */
export const devTenant = "local";
const devKeyId = "dev";

/** By the whole key, never a part of it. */
const remembered = createMemory<Identity>(10_000);

/**
 * `Authorization: Bearer <key>` (or `x-api-key`, as Anthropic's clients send it) → whose key it is. Touches no object:
 * a made-up key costs a hash. Fails with `missing_key`, `invalid_key`, or `wrong_region` naming the right host.
 */
export const authenticate = async (headers: Headers, settings: Settings): Promise<Result<Identity, ShoalError>> => {
  const key = readBearer(headers);
  if (key === null) return err({ kind: "missing_key" });
  const known = remembered.get(key);
  if (known) return ok(known);

  const identity = await identify(key, await hashKey(key), settings);
  if (identity.ok) remembered.set(key, identity.value);
  return identity;
};

const readBearer = (headers: Headers): string | null => {
  const bearer = /^Bearer +(\S+) *$/i.exec(headers.get("authorization") ?? "")?.[1];
  return bearer ?? headers.get("x-api-key");
};

const identify = async (key: string, keyHash: string, settings: Settings): Promise<Result<Identity, ShoalError>> => {
  if (settings.devKey !== "" && (await equalSecrets(key, settings.devKey))) {
    return ok({ tenant: devTenant, keyId: devKeyId, keyHash, dev: true });
  }
  const region = regionOf(key);
  const host = region === null ? undefined : settings.publicHosts.get(region);
  if (region !== null && region !== settings.region && host !== undefined) {
    return err({ kind: "wrong_region", region, host });
  }
  const apiKey = await readApiKey(key, settings.keySecret);
  if (apiKey === null || apiKey.region !== settings.region) return err({ kind: "invalid_key" });
  return ok({ tenant: apiKey.tenant, keyId: apiKey.id, keyHash, dev: false });
};
