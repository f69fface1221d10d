import type { ChatRequest } from "../../shared/chat.ts";
import type { ShoalError } from "../../shared/errors.ts";

/** A thought's sealed signature, and the field in which the client sent it. */
export type SentProof = { readonly sealed: string; readonly param: string };

/**
 * What the client sent back as its own must be ours, of this tenant, and as it was. `restored`: the request after
 * signatures were put in place, which leaves out those that do not open.
 */
export const checkProofs = (
  proofs: readonly SentProof[],
  sent: ChatRequest,
  restored: ChatRequest,
): ShoalError | null => {
  if (proofs.length === 0) return null;
  const opened = signaturesOf(restored);
  const refused = new Set(signaturesOf(sent).filter((_, index) => opened[index] === undefined));
  const wrong = proofs.find(({ sealed }) => refused.has(sealed));
  if (!wrong) return null;
  return { kind: "invalid_request", param: wrong.param, message: "the encrypted content could not be verified" };
};

const signaturesOf = (chat: ChatRequest): readonly (string | undefined)[] =>
  chat.messages.flatMap((message) =>
    message.role === "assistant"
      ? message.content.flatMap((part) => (part.type === "reasoning" ? [part.signature] : []))
      : [],
  );
