/**
 * A tool call's id names the worker that made the call, so that the turn answering it finds its worker from the id
 * alone, in any isolate: `call_` + six characters of the worker's code + random characters, 40 in all at most.
 */
const prefix = "call_";
const codeLength = 6;

/** 31 bits of FNV-1a in base 36. */
const codeOf = (worker: string): string => {
  let hash = 0x811c9dc5;
  for (let index = 0; index < worker.length; index += 1) {
    hash = Math.imul(hash ^ worker.charCodeAt(index), 0x01000193);
  }
  return (hash >>> 1).toString(36).padStart(codeLength, "0");
};

/** `random`: at least 12 characters of letters and digits. */
export const makeToolCallId = (worker: string, random: string): string =>
  `${prefix}${codeOf(worker).slice(0, codeLength)}${random.slice(0, 24)}`;

/** Which of the workers made the call; null when the id is not ours or its worker is not among them. */
export const ownerOfToolCall = (id: string, workers: readonly string[]): string | null => {
  if (!id.startsWith(prefix)) return null;
  const code = id.slice(prefix.length, prefix.length + codeLength);
  return workers.find((worker) => codeOf(worker).slice(0, codeLength) === code) ?? null;
};
