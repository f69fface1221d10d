/**
 * A tool call's id names the worker that made the call, so that the turn answering it finds its worker from the id
 * alone, in any isolate: `call_` + six characters of the worker's code + `S` when a signature of the call is kept +
 * random characters, none of them `S`, 40 in all at most.
 */
const prefix = "call_";
const codeLength = 6;
const signedMark = "S";

/** Six characters for a worker: 31 bits of FNV-1a in base 36. */
export const codeOf = (worker: string): string => {
  let hash = 0x811c9dc5;
  for (let index = 0; index < worker.length; index += 1) {
    hash = Math.imul(hash ^ worker.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 1).toString(36).padStart(codeLength, "0").slice(0, codeLength);
};

/** `random`: at least 12 characters of small letters and digits. `signed`: the vendor's signature of the call is kept. */
export const makeToolCallId = (worker: string, random: string, signed = false): string =>
  `${prefix}${codeOf(worker)}${signed ? signedMark : ""}${random.slice(0, 24)}`;

/** Whether the id is ours and a signature of its call was kept. */
export const isSignedToolCall = (id: string): boolean =>
  id.startsWith(prefix) && id[prefix.length + codeLength] === signedMark;

/** Which of the workers made the call; null when the id is not ours or its worker is not among them. */
export const ownerOfToolCall = (id: string, workers: readonly string[]): string | null => {
  if (!id.startsWith(prefix)) return null;
  const code = id.slice(prefix.length, prefix.length + codeLength);
  return workers.find((worker) => codeOf(worker) === code) ?? null;
};
