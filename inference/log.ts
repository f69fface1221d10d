/** One line of JSON per change of state. Prompts, answers and secrets are never among the fields. */
export type Log = (event: string, fields?: Readonly<Record<string, string | number | boolean | null>>) => void;

export const createLog =
  (write: (line: string) => void, now: () => number): Log =>
  (event, fields = {}) =>
    write(`${JSON.stringify({ time: new Date(now()).toISOString(), event, ...fields })}\n`);
