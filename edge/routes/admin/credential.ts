import type { ShoalError } from "../../../shared/errors.ts";
import { err, ok, type Result } from "../../../shared/result.ts";
import { equalSecrets, hashKey } from "../../authenticate/api-key.ts";
import type { Clock } from "../../runtime/clock.ts";
import { createMemory } from "../../runtime/memory.ts";
import { secretsOf } from "../../runtime/secrets.ts";
import type { Settings } from "../../runtime/settings.ts";

/** Characters of the credential's SHA-256 in hex, by which the audit log names it. */
const fingerprintLength = 8;
const windowMs = 60_000;
/** Of the requests that a credential may make, an address may try so many with wrong ones. */
const wrongShare = 10;

/** Wrong credentials of the minute that runs, by the address that sent them. */
const wrong = createMemory<{ readonly window: number; readonly count: number }>(10_000);

export type CredentialDeps = {
  readonly settings: Pick<Settings, "adminKey" | "adminPerMinute">;
  readonly clock: Clock;
};

/**
 * One of the operator's credentials (several while they are rotated), compared in constant time; gives its fingerprint.
 * An address that has tried many wrong ones is refused whatever it sends until the minute is over. Where the platform
 * does not tell addresses, nobody is: a stranger's guesses would lock the operator out.
 */
export const readCredential = async (
  headers: Headers,
  { settings, clock }: CredentialDeps,
): Promise<Result<string, ShoalError>> => {
  const given = /^Bearer +(\S+) *$/i.exec(headers.get("authorization") ?? "")?.[1];
  if (given === undefined) return err({ kind: "missing_key" });

  const address = headers.get("cf-connecting-ip") ?? "";
  const now = clock.now();
  const window = Math.floor(now / windowMs);
  const tried = wrong.get(address);
  const count = tried?.window === window ? tried.count : 0;
  if (address !== "" && count >= Math.ceil(settings.adminPerMinute / wrongShare)) {
    const retryAfterSeconds = Math.ceil(((window + 1) * windowMs - now) / 1000);
    return err({ kind: "rate_limited", limit: "wrong credentials per minute", retryAfterSeconds });
  }
  if (await isOneOf(given, secretsOf(settings.adminKey))) return ok(await fingerprintOf(given));
  // A credential that somebody still uses after it was taken back, or tries to guess: told once a minute, by its print.
  if (count === 0) console.warn({ event: "wrong_admin_credential", credential: await fingerprintOf(given), address });
  wrong.set(address, { window, count: count + 1 });
  return err({ kind: "invalid_key" });
};

const fingerprintOf = async (credential: string): Promise<string> =>
  (await hashKey(credential)).slice(0, fingerprintLength);

/** All are compared, whichever fits. */
const isOneOf = async (given: string, credentials: readonly string[]): Promise<boolean> =>
  (await Promise.all(credentials.map((credential) => equalSecrets(given, credential)))).includes(true);
