import { toWire, type ShoalError, type WireError } from "../../shared/errors.ts";
import { createCollector, type AnswerEvent } from "../../shared/events.ts";
import { isDirect, type Plan } from "../../shared/plan.ts";
import { ssePing } from "../../shared/sse.ts";
import { teamOf } from "../../shared/team.ts";
import type { Clock } from "../runtime/clock.ts";
import type { Events } from "../execute/execute.ts";
import { createBill } from "../formats/bill.ts";
import type { AnswerHead, ClientRequest, Format } from "../formats/format.ts";
import { logBug } from "../runtime/log-bug.ts";
import { afterEvents, type Planned } from "../plan/planned.ts";

export type EncodeOptions = {
  readonly format: Format;
  readonly client: ClientRequest;
  readonly planned: Planned;
  readonly head: AnswerHead;
  /** Headers of the response, asked when they go out: `planned` is what is known of the plan by then. */
  readonly headers: (planned: Planned) => Record<string, string>;
};

export type EncodeDeps = {
  readonly clock: Clock;
  /** Ends every upstream call of the request. */
  readonly abort: () => void;
};

/** How long a stream's headers wait for the first event of a plan that may fail over unseen. */
const patienceMs = 1_000;

/** Silence is broken every second for the first minute, then every ten seconds. */
const heartbeat = { earlyMs: 1_000, lateMs: 10_000, earlyForMs: 60_000 } as const;

/** Events as the client's response. Until headers go out a failure keeps its own status; after that it is an event. */
export const encode = (events: Events, options: EncodeOptions, deps: EncodeDeps): Promise<Response> =>
  options.client.stream ? encodeStream(events, options, deps) : encodeJson(events, options);

/** A failure as the client's response. */
export const encodeError = (
  error: ShoalError,
  format: Pick<Format, "error" | "status">,
  headers: Record<string, string>,
): Response => {
  const wire = toWire(error);
  return Response.json(format.error(wire), {
    status: format.status?.(wire) ?? wire.status,
    headers: { ...headers, ...retryHeaders(wire), ...allowHeaders(error) },
  });
};

/** In whole seconds, as HTTP has it, and to the millisecond, as vendors' clients look for it first. */
const retryHeaders = ({ retryAfterSeconds }: WireError): Record<string, string> =>
  retryAfterSeconds === null
    ? {}
    : {
        "retry-after": String(Math.max(1, Math.ceil(retryAfterSeconds))),
        "retry-after-ms": String(Math.max(1, Math.ceil(retryAfterSeconds * 1000))),
      };

const allowHeaders = (error: ShoalError): Record<string, string> =>
  error.kind === "method_not_allowed" ? { allow: error.allowed.join(", ") } : {};

const encodeJson = async (events: Events, { format, headers, head, planned }: EncodeOptions): Promise<Response> => {
  const collector = createCollector();
  const bill = createBill(head.plan);
  let plannedNow = planned;
  for await (const batch of events) {
    for (const event of batch) {
      collector.push(event);
      bill.read(event);
    }
    plannedNow = afterEvents(plannedNow, batch);
  }
  const answer = collector.answer();
  if (answer.error !== null) return encodeError(answer.error, format, headers(plannedNow));
  return Response.json(format.json(head, answer, bill.total()), { headers: headers(plannedNow) });
};

/**
 * What makes a stream's headers go out: words, an end, a failure, or a plan that is sure to be silent for long. What inner
 * steps do, or is told of them, does not.
 */
const opens = (event: AnswerEvent): boolean =>
  event.type === "written" ? event.plan !== null && !beginsWithAnswer(event.plan) : !inner.has(event.type);

const inner: ReadonlySet<AnswerEvent["type"]> = new Set(["step-start", "step-end", "usage", "progress"]);

const encodeStream = async (events: Events, options: EncodeOptions, deps: EncodeDeps): Promise<Response> => {
  const { format, headers, planned } = options;
  const held: AnswerEvent[] = [];
  // A plan that begins with inner calls is sure to be silent for long: its stream opens at once.
  const mayBeSoon = planned.unwritten !== undefined || beginsWithAnswer(planned.decision.plan);
  const patience = startPatience(deps.clock, mayBeSoon ? patienceMs : 0);
  let pending = events.next();
  let ended = false;
  while (!ended && !held.some(opens)) {
    const next = await Promise.race([pending, patience.over]);
    if (next === "over") break;
    if (next.done) ended = true;
    else {
      held.push(...next.value);
      pending = events.next();
    }
  }
  patience.stop();
  const plannedNow = afterEvents(planned, held);

  const failure = held.find((event) => event.type === "error");
  if (failure && !held.some((event) => event.type === "text-delta" || event.type === "tool-call-start")) {
    await pending;
    return encodeError(failure.error, format, headers(plannedNow));
  }
  return new Response(streamBody(held, pending, events, { options, deps }), {
    headers: {
      ...headers(plannedNow),
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache, no-transform",
      "x-accel-buffering": "no",
    },
  });
};

const beginsWithAnswer = (plan: Plan): boolean => isDirect(plan) || teamOf(plan)?.plan === null;

const startPatience = (clock: Clock, ms: number): { over: Promise<"over">; stop: () => void } => {
  const { promise, resolve } = Promise.withResolvers<"over">();
  return { over: promise, stop: clock.after(ms, () => resolve("over")) };
};

const encoder = new TextEncoder();

/** A bug: the stream has begun, so it is told as an event, and the answer is over. */
const failed = (cause: unknown): IteratorYieldResult<readonly AnswerEvent[]> => {
  logBug(cause);
  return { done: false, value: [{ type: "error", error: { kind: "internal" } }] };
};

/** Pulls events as the client reads; writes a heartbeat between them while they are silent. */
const streamBody = (
  held: readonly AnswerEvent[],
  first: ReturnType<Events["next"]>,
  events: Events,
  { options, deps }: { readonly options: EncodeOptions; readonly deps: EncodeDeps },
): ReadableStream<Uint8Array> => {
  const writer = options.format.stream(options.head);
  const ping = options.format.ping ?? ssePing;
  const beat = createHeartbeat(deps.clock);
  let pending: ReturnType<Events["next"]> | null = first;
  let gone = false;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      const opening = writer.push(held);
      controller.enqueue(encoder.encode(opening === "" ? ping : opening));
      beat.start(() => controller.enqueue(encoder.encode(ping)));
    },
    async pull(controller) {
      for (;;) {
        const next = await (pending ?? events.next()).catch(failed);
        pending = null;
        if (gone) return;
        if (next.done) {
          beat.stop();
          return controller.close();
        }
        const text = writer.push(next.value);
        if (text === "") continue;
        beat.spoke();
        return controller.enqueue(encoder.encode(text));
      }
    },
    async cancel() {
      gone = true;
      beat.stop();
      deps.abort();
      await events.return();
    },
  });
};

const createHeartbeat = (clock: Clock) => {
  const began = clock.now();
  let lastWrite = began;
  let cancel: (() => void) | null = null;
  const schedule = (write: () => void): void => {
    const interval = clock.now() - began < heartbeat.earlyForMs ? heartbeat.earlyMs : heartbeat.lateMs;
    cancel = clock.after(interval, () => {
      if (clock.now() - lastWrite >= interval) write();
      schedule(write);
    });
  };
  return {
    start: schedule,
    spoke: () => {
      lastWrite = clock.now();
    },
    stop: () => cancel?.(),
  };
};
