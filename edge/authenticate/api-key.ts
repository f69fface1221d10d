import { hmac } from "../runtime/hmac.ts";
import { secretsOf } from "../runtime/secrets.ts";
import { toHex } from "../runtime/hex.ts";

/**
 * Keys are `sk-shoal-<region>-<tenant>-<id>-<secret><check>`; no field holds a hyphen. The check is a truncated HMAC
 * of the rest under the region's secret, so a made-up key is refused before any object is touched.
 */
export type ApiKey = { readonly region: string; readonly tenant: string; readonly id: string };

const shape = /^sk-shoal-([a-z0-9]{1,16})-([a-z0-9]{1,32})-([a-z0-9]{8})-([A-Za-z0-9]{32})([0-9a-f]{16})$/;

/** Hexadecimal digits kept of the HMAC. */
const checkLength = 16;

const encoder = new TextEncoder();

/** SHA-256 of the whole key in hex: what is stored and what caches are keyed by, never a prefix. */
export const hashKey = async (key: string): Promise<string> =>
  toHex(await crypto.subtle.digest("SHA-256", encoder.encode(key)));

const checkOf = async (secret: string, signed: string): Promise<string> =>
  toHex(await hmac(secret, signed)).slice(0, checkLength);

/** Compares without telling by its time where two texts differ. */
export const equalSecrets = async (a: string, b: string): Promise<boolean> => {
  const [left, right] = await Promise.all([a, b].map((text) => crypto.subtle.digest("SHA-256", encoder.encode(text))));
  return left !== undefined && right !== undefined && crypto.subtle.timingSafeEqual(left, right);
};

/** The fields of a well-formed key whose check holds under one of the region's secrets; null for anything else. */
export const readApiKey = async (key: string, keySecret: string): Promise<ApiKey | null> => {
  const [, region, tenant, id, secret, check] = shape.exec(key) ?? [];
  if (!region || !tenant || !id || !secret || !check) return null;
  const signed = `${region}-${tenant}-${id}-${secret}`;
  for (const candidate of secretsOf(keySecret)) {
    if (await equalSecrets(await checkOf(candidate, signed), check)) return { region, tenant, id };
  }
  return null;
};

/** The region of a well-formed key, unchecked: enough to send a client to the right host. */
export const regionOf = (key: string): string | null => shape.exec(key)?.[1] ?? null;

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** `length` characters, each drawn evenly: 248 is the largest multiple of 62 below 256. */
const randomText = (length: number, random: (count: number) => Uint8Array, from = alphabet): string => {
  const even = 256 - (256 % from.length);
  let text = "";
  while (text.length < length) {
    for (const byte of random(length)) {
      if (byte < even && text.length < length) text += from[byte % from.length];
    }
  }
  return text;
};

/** A new key. Shown once; only its hash is kept. Throws when the region has no secret. */
export const makeApiKey = async (options: {
  readonly region: string;
  readonly tenant: string;
  readonly keySecret: string;
  readonly random: (count: number) => Uint8Array;
}): Promise<{ key: string; id: string }> => {
  const [current] = secretsOf(options.keySecret);
  if (current === undefined) throw new Error("KEY_SECRET is not set: no key can be made");
  const id = randomText(8, options.random, "abcdefghijklmnopqrstuvwxyz0123456789");
  const secret = randomText(32, options.random);
  const signed = `${options.region}-${options.tenant}-${id}-${secret}`;
  return { key: `sk-shoal-${signed}${await checkOf(current, signed)}`, id };
};
