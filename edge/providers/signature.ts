/**
 * A vendor's signature proves a thought to be its own, and only to the model that had it: another model refuses it.
 * A router changes models within a conversation, so each signature carries its origin and returns only there.
 */
export type Origin = { readonly provider: string; readonly upstream: string };

const prefixOf = ({ provider, upstream }: Origin) => `${provider}/${upstream}|`;

/** The vendor's signature as it travels to the client and back. */
export const seal = (origin: Origin, signature: string): string => prefixOf(origin) + signature;

/** The vendor's signature, when it is of this very model; else null. */
export const unseal = (origin: Origin, sealed: string | undefined): string | null => {
  const prefix = prefixOf(origin);
  return sealed?.startsWith(prefix) ? sealed.slice(prefix.length) : null;
};
