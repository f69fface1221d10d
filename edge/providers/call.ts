import type { LimitFunction } from "p-limit";
import type { UpstreamError } from "../../shared/errors.ts";
import type { CallEvent } from "../../shared/events.ts";
import { createSseReader, type SseMessage } from "../../shared/sse.ts";
import type { Clock } from "../runtime/clock.ts";
import { isFields, mostToolCalls, parseFields } from "./narrow.ts";
import type { Call, Connection, Decoder, Provider } from "./provider.ts";
import { protocolError } from "./upstream-error.ts";
import { createWatch, type Deadlines, type Watch } from "./watch.ts";

export type Target = { readonly provider: Provider; readonly connection: Connection; readonly worker: string };

export type CallIo = {
  readonly fetch: typeof fetch;
  readonly clock: Clock;
  /** The request's: ends the call at once. */
  readonly signal: AbortSignal;
  /** Of five: a Worker may wait for the headers of six requests, and one is kept for the rest. */
  readonly slots: LimitFunction;
  readonly deadlines: Deadlines;
  /** `whole` where nothing of the answer leaves early: the body is read and decoded in one go. */
  readonly mode: "stream" | "whole";
  /** Called when the request leaves: a call that is cut from here on may be billed. */
  readonly onSent: () => void;
  /** Called when the vendor has accepted the call: from then on it may bill it, however the call ends. */
  readonly onAccepted: () => void;
};

/**
 * Asks one worker once. Gives the events of each chunk that arrives as one batch; the last event of all is `end` or
 * `error`, and nothing that an upstream does is thrown. The upstream ends when `io.signal` aborts, when a deadline
 * passes, and when the consumer stops early. A consumer that waits for a batch stops by the signal.
 */
export async function* callWorker(call: Call, target: Target, io: CallIo): AsyncGenerator<readonly CallEvent[]> {
  const watch = createWatch(target.provider.name, io);
  try {
    const next = await open(call, target, io, watch);
    for (let events = await next(); events; events = await next()) {
      if (events.length > 0) yield events;
    }
  } finally {
    watch.close();
  }
}

/** The next events of an answer, maybe none yet; null after the last. A generator within a generator costs more. */
type Next = () => Promise<readonly CallEvent[] | null>;

const open = async (call: Call, target: Target, io: CallIo, watch: Watch): Promise<Next> => {
  const response = await send(call, target, io, watch);
  if (!(response instanceof Response)) return once([failed(response)]);
  const refusal = await readRefusal(response, target, watch);
  if (refusal) return once([failed(refusal)]);
  io.onAccepted();
  const { provider } = target;
  const reader = createReader(provider.name, provider.decoder(call), redactor(target.connection));
  if (io.mode === "whole" || !response.body) return once(await readWhole(response, reader, watch));
  return readChunks(response.body.getReader(), reader, watch);
};

const once = (events: readonly CallEvent[]): Next => {
  const batches = [events];
  return () => Promise.resolve(batches.pop() ?? null);
};

const failed = (error: UpstreamError): CallEvent => ({ type: "error", error });

/** The slot is free again when the headers have come, or when they are no longer awaited. */
const send = (
  call: Call,
  { provider, connection }: Target,
  io: CallIo,
  watch: Watch,
): Promise<Response | UpstreamError> => {
  const body = provider.request(call);
  const answer = async () => {
    try {
      return await provider.send(body, connection, {
        fetch: io.fetch,
        signal: watch.signal,
        now: () => io.clock.now(),
      });
    } catch {
      return watch.fail("network", "the connection failed");
    }
  };
  const inSlot = io.slots(() => {
    const failure = watch.failure();
    if (failure) return failure;
    watch.start();
    io.onSent();
    return Promise.race([answer(), watch.failing]);
  });
  return Promise.race([inSlot, watch.failing]);
};

/** An answer that is a failure: by its status, or a JSON error where a stream was asked for. */
const readRefusal = async (
  response: Response,
  { provider, connection }: Target,
  watch: Watch,
): Promise<UpstreamError | null> => {
  const isJson = response.headers.get("content-type")?.includes("application/json") ?? false;
  if (response.ok && !isJson) return null;
  watch.expect("end");
  const body = await readText(response, watch);
  if (typeof body !== "string") return response.ok ? body : provider.error(response.status, response.headers, "");
  const status = response.ok ? statusInside(body) : response.status;
  if (status === null) return protocolError(provider.name, "answered JSON where a stream was asked for");
  return provider.error(status, response.headers, redactor(connection)(body));
};

/** Vendors echo keys in what they say of them; the raw text is cleared, before anything is cut off or decoded. */
const redactor =
  ({ apiKey }: Connection) =>
  (text: string): string =>
    apiKey !== "" && text.includes(apiKey) ? text.replaceAll(apiKey, "[redacted]") : text;

const statusInside = (body: string): number | null => {
  const error = parseFields(body)?.["error"];
  if (error === undefined || error === null) return null;
  const code = isFields(error) ? Number(error["code"]) : Number.NaN;
  return code >= 400 && code < 600 ? code : 500;
};

const readText = async (response: Response, watch: Watch): Promise<string | UpstreamError> => {
  if (!response.body) return "";
  const body = response.body.getReader();
  watch.onFailure(() => void body.cancel().catch(ignore));
  const text = new TextDecoder();
  const pieces: string[] = [];
  for (let bytes = 0; bytes < mostRefusalBytes;) {
    const chunk = await readChunk(body, watch);
    if ("kind" in chunk) return chunk;
    if (chunk.done) {
      watch.finished();
      break;
    }
    bytes += chunk.value.byteLength;
    pieces.push(text.decode(chunk.value.subarray(0, mostRefusalBytes), { stream: true }));
  }
  return pieces.join("");
};

/** Of a body that is an answer: more than the longest ever is on the wire, less than what an isolate holds. */
const mostAnswerBytes = 64 * 1024 * 1024;
/** Of a body that says why there is none; what comes after is not read. */
const mostRefusalBytes = 256 * 1024;

const isContent = ({ type }: CallEvent) => type.endsWith("-delta") || type === "tool-call-start";
const isLast = ({ type }: CallEvent) => type === "end" || type === "error";

/** Text in, events out; an event too large for the reader of the stream ends the answer. */
const createReader = (provider: string, decoder: Decoder, redact: (text: string) => string) => {
  const sse = createSseReader();
  let calls = 0;
  const redactMessage = (message: SseMessage): SseMessage => {
    const data = redact(message.data);
    return data === message.data ? message : { ...message, data };
  };
  const read = (next: () => readonly SseMessage[]): readonly CallEvent[] => {
    const messages = attempt(next);
    if (!messages) return [failed(protocolError(provider, "sent an event that is too large"))];
    const events = attempt(() => messages.flatMap((message) => decoder.push(redactMessage(message))));
    if (!events) return [failed(protocolError(provider, "sent an event that cannot be read"))];
    calls += events.filter(({ type }) => type === "tool-call-start").length;
    return calls > mostToolCalls ? [failed(protocolError(provider, "sent too many tool calls"))] : events;
  };
  return {
    tooLarge: protocolError(provider, "sent an answer that is too large"),
    push: (text: string) => read(() => sse.push(text)),
    /** With the last piece of text. */
    end(text: string): readonly CallEvent[] {
      const events = read(() => [...sse.push(text), ...sse.end()]);
      return events.some(isLast) ? events : [...events, ...decoder.end()];
    },
  };
};
type Reader = ReturnType<typeof createReader>;

const attempt = <T>(run: () => T): T | null => {
  try {
    return run();
  } catch {
    return null;
  }
};

/**
 * All events at once, as soon as the last has come: the end of the body is not waited for. What came before a failure
 * counts as well: the vendor bills it.
 */
const readWhole = async (response: Response, reader: Reader, watch: Watch): Promise<readonly CallEvent[]> => {
  watch.expect("end");
  if (!response.body) return reader.end("");
  const body = response.body.getReader();
  watch.onFailure(() => void body.cancel().catch(ignore));
  const text = new TextDecoder();
  const events: CallEvent[] = [];
  for (let bytes = 0; ;) {
    const chunk = await readChunk(body, watch);
    if ("kind" in chunk) return [...events, failed(chunk)];
    if (chunk.done) break;
    bytes += chunk.value.byteLength;
    if (bytes > mostAnswerBytes) return [...events, failed(reader.tooLarge)];
    const read = reader.push(text.decode(chunk.value, { stream: true }));
    for (const event of read) events.push(event);
    if (!read.some(isLast)) continue;
    release(body, events, watch);
    return events;
  }
  watch.finished();
  return [...events, ...reader.end(text.decode())];
};

type Body = ReadableStreamDefaultReader<Uint8Array>;

const readChunks = (body: Body, reader: Reader, watch: Watch): Next => {
  const text = new TextDecoder();
  let begun = false;
  let over = false;
  let bytes = 0;
  watch.onFailure(() => void body.cancel().catch(ignore));
  watch.expect("first token");

  const read = async (): Promise<readonly CallEvent[]> => {
    const chunk = await readChunk(body, watch);
    if ("kind" in chunk) return [failed(chunk)];
    if (chunk.done) return reader.end(text.decode());
    bytes += chunk.value.byteLength;
    return bytes > mostAnswerBytes
      ? [failed(reader.tooLarge)]
      : reader.push(text.decode(chunk.value, { stream: true }));
  };

  return async () => {
    if (over) return null;
    if (begun) watch.expect("next chunk");
    const events = await read();
    over = events.some(isLast);
    begun ||= events.some(isContent);
    if (over) release(body, events, watch);
    else if (begun) watch.pause();
    return events;
  };
};

const readChunk = async (body: Body, watch: Watch) => {
  try {
    const chunk = await body.read();
    return watch.failure() ?? chunk;
  } catch {
    return watch.fail("network", "the connection was lost");
  }
};

/** After a complete answer a body that ends at once leaves its connection to the next call; any other is ended. */
const release = (body: Body, events: readonly CallEvent[], watch: Watch): void => {
  if (events.at(-1)?.type !== "end") return;
  watch.finished();
  void body
    .read()
    .then(({ done }) => (done ? undefined : body.cancel()))
    .catch(ignore);
};

const ignore = () => {};
