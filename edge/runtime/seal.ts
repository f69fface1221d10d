import { hmac } from "./hmac.ts";
import { createMemory } from "./memory.ts";
import { secretsOf } from "./secrets.ts";

/**
 * Text that leaves our hands and comes back: encrypted and authenticated by AES-256-GCM under a key that is derived from
 * the region's secret, and bound to a purpose, so that it opens nowhere else. base64 of 12 bytes of nonce and the rest.
 */
export interface Sealer {
  seal(text: string, purpose: string): Promise<string>;
  /** The text; null for anything that was not sealed by us for this purpose. */
  open(sealed: string, purpose: string): Promise<string | null>;
}

const derived = createMemory<CryptoKey>(1_000);
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const nonceBytes = 12;

const keyOf = async (secret: string): Promise<CryptoKey> => {
  const known = derived.get(secret);
  if (known) return known;
  const key = await crypto.subtle.importKey("raw", await hmac(secret, "seal"), "AES-GCM", false, [
    "encrypt",
    "decrypt",
  ]);
  derived.set(secret, key);
  return key;
};

/**
 * `keySecret`: as configured, with those that are being rotated out. `newId` gives at least 24 hexadecimal digits that
 * it never gives again: the nonce.
 */
export const createSealer = (keySecret: string, newId: () => string): Sealer => {
  const [newest = "unset", ...older] = secretsOf(keySecret);
  return {
    async seal(text, purpose) {
      const digits = newId().slice(0, 2 * nonceBytes);
      const iv = Uint8Array.from(digits.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
      const cipher = await crypto.subtle.encrypt(algorithm(iv, purpose), await keyOf(newest), encoder.encode(text));
      return toBase64(iv) + toBase64(new Uint8Array(cipher));
    },
    async open(sealed, purpose) {
      const bytes = fromBase64(sealed);
      if (bytes === null || bytes.length <= nonceBytes) return null;
      const parameters = algorithm(bytes.subarray(0, nonceBytes), purpose);
      for (const secret of [newest, ...older]) {
        const text = await decrypt(parameters, await keyOf(secret), bytes.subarray(nonceBytes));
        if (text !== null) return text;
      }
      return null;
    },
  };
};

const algorithm = (iv: Uint8Array, purpose: string) => ({
  name: "AES-GCM",
  iv,
  additionalData: encoder.encode(purpose),
});

const decrypt = async (parameters: ReturnType<typeof algorithm>, key: CryptoKey, cipher: Uint8Array) => {
  try {
    return decoder.decode(await crypto.subtle.decrypt(parameters, key, cipher));
  } catch {
    return null;
  }
};

/** In pieces: a call takes so many arguments only. Each but the last is a multiple of three bytes, without padding. */
const pieceBytes = 24_576;

const toBase64 = (bytes: Uint8Array): string => {
  let binary = "";
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    binary += String.fromCharCode(...bytes.subarray(at, at + pieceBytes));
  }
  return btoa(binary);
};

const fromBase64 = (text: string): Uint8Array | null => {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    return null;
  }
};
