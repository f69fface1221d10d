import type { Trace } from "../account/trace.ts";

/** A trace as it is sent and kept: copying a text from one object to another costs less than copying what it says. */
export type PackedTrace = Pick<Trace, "id" | "at"> & { readonly trace: string };

export const packTrace = (trace: Trace): PackedTrace => ({
  id: trace.id,
  at: trace.at,
  trace: JSON.stringify(trace),
});

/** Above what the parts of a trace take as JSON, in bytes. */
const bytes = { all: 2_048, score: 256, step: 512 } as const;

/** About as many bytes as a trace takes, without writing it. */
export const sizeOfTrace = ({ plan: { scores }, steps }: Trace): number =>
  bytes.all + bytes.score * scores.length + bytes.step * steps.length;
