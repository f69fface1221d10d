/** The phases of a request, in order. A mark is when the phase had ended. */
export const phases = [
  "authenticate",
  "normalize",
  "admit",
  "recall",
  "cache",
  "plan",
  "reserve",
  "write",
  "first_call",
  "first_event",
  "first_token",
  "total",
] as const;
export type Phase = (typeof phases)[number];

/** Milliseconds since arrival. In production a Worker's clock moves only with I/O, so phases without any read 0. */
export interface Timing {
  /** The first mark of a phase counts. */
  mark(phase: Phase): void;
  /** The request awaits an object: to be let in, for its dollars, prices, a cached answer, or its conversation's arm. */
  waited(): void;
  /** With them `object_waits`: for how many calls of objects the request has waited. */
  read(): Readonly<Record<string, number | null>>;
  /** The `server-timing` header: how long each phase took, so far, and how often an object was awaited. */
  header(): string;
}

export const startTiming = (now: () => number): Timing => {
  const began = now();
  const marks = new Map<Phase, number>();
  let waits = 0;
  return {
    waited() {
      waits += 1;
    },
    mark(phase) {
      if (!marks.has(phase)) marks.set(phase, now() - began);
    },
    read: () => ({
      ...Object.fromEntries(phases.map((phase) => [phase, marks.get(phase) ?? null])),
      object_waits: waits,
    }),
    header() {
      let before = 0;
      const spans = [...marks].map(([phase, at]) => {
        const spent = at - before;
        before = at;
        return `${phase};dur=${spent}`;
      });
      return [...spans, `object_waits;desc="${waits}"`].join(", ");
    },
  };
};
