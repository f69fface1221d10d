import { createParser } from "eventsource-parser";

/** One server-sent event. `event` is absent for the default type. */
export type SseMessage = { readonly event?: string; readonly data: string };

/** Larger events are refused: a vendor's largest real ones (images inline) stay below. */
const maxEventBytes = 8 * 1024 * 1024;

/**
 * An incremental reader: give it text as it arrives, get the complete events. Comments are dropped; LF, CRLF and CR,
 * multi-line `data:` and events split anywhere are read as the standard has it.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
 */
export const createSseReader = () => {
  let ready: SseMessage[] = [];
  const parser = createParser({
    maxBufferSize: maxEventBytes,
    onEvent: ({ event, data }) => ready.push(event === undefined ? { data } : { event, data }),
  });
  const take = () => {
    const messages = ready;
    ready = [];
    return messages;
  };
  return {
    push(text: string): readonly SseMessage[] {
      parser.feed(text);
      return take();
    },
    /** The last event, when the body ended without the blank line that should close it. */
    end(): readonly SseMessage[] {
      parser.feed("\n\n");
      return take();
    },
  };
};

/** All events of a whole body. */
export const readSse = (body: string): readonly SseMessage[] => {
  const reader = createSseReader();
  return [...reader.push(body), ...reader.end()];
};

/** One event on the wire. `data` is JSON or `[DONE]`, hence one line. */
export const writeSse = ({ event, data }: SseMessage): string =>
  event === undefined ? `data: ${data}\n\n` : `event: ${event}\ndata: ${data}\n\n`;

/**
 * A heartbeat, between events only. One newline: clients that take a blank line for the end of an event would
 * dispatch an empty one (openai/openai-python#2722).
 */
export const ssePing = ": ping\n";
