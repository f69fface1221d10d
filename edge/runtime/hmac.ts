import { createMemory } from "./memory.ts";

const encoder = new TextEncoder();
/** The region's secrets: one, or a few while they are rotated. */
const imported = createMemory<CryptoKey>(8);

const importSecret = async (secret: string): Promise<CryptoKey> => {
  const known = imported.get(secret);
  if (known) return known;
  const raw = encoder.encode(secret);
  const key = await crypto.subtle.importKey("raw", raw, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  imported.set(secret, key);
  return key;
};

/** HMAC-SHA256 of a text, 32 bytes. The secret must not be empty. */
export const hmac = async (secret: string, text: string): Promise<ArrayBuffer> =>
  crypto.subtle.sign("HMAC", await importSecret(secret), encoder.encode(text));
