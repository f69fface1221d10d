import type { ShoalError } from "../../shared/errors.ts";

/** A thought's sealed signature, and the field in which the client sent it. */
export type SentProof = { readonly sealed: string; readonly param: string };

/** What the client sent back as its own must be ours, of this tenant, and as it was. `unknown`: what did not open. */
export const checkProofs = (proofs: readonly SentProof[], unknown: ReadonlySet<string>): ShoalError | null => {
  const wrong = proofs.find(({ sealed }) => unknown.has(sealed));
  if (!wrong) return null;
  return { kind: "invalid_request", param: wrong.param, message: "the encrypted content could not be verified" };
};
