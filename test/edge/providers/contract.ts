import { describe, expect, it } from "vitest";
import type { ChatRequest } from "../../../shared/chat.ts";
import type { UpstreamError } from "../../../shared/errors.ts";
import type { CallEvent } from "../../../shared/events.ts";
import { createSseReader } from "../../../shared/sse.ts";
import type { Call, Connection, Provider, ProviderEnv } from "../../../edge/providers/provider.ts";

const fixtures = import.meta.glob<string>("../../fixtures/*.sse", { query: "?raw", import: "default", eager: true });

/** A recorded body by name, without its ending. */
export const fixture = (name: string): string => {
  const body = fixtures[`../../fixtures/${name}.sse`];
  if (body === undefined) throw new Error(`there is no fixture ${name}`);
  return body;
};

const plainChat: ChatRequest = {
  model: "shoal-mini",
  messages: [{ role: "user", content: [{ type: "text", text: "How many fish?" }] }],
  tools: [],
  toolChoice: "auto",
  output: { type: "text" },
  sampling: {},
  stop: [],
  metadata: {},
};

/** A call that asks for nothing but an answer, with what a test adds. */
export const makeCall = (chat: Partial<ChatRequest> = {}, call: Partial<Call> = {}): Call => ({
  chat: { ...plainChat, ...chat },
  upstream: "model-x",
  reasoningEffort: null,
  maxOutputTokens: 1000,
  ...call,
});

export const weather = {
  name: "weather",
  description: "The weather of a city.",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  strict: true,
} as const;

/** Every turn a conversation can have: parts of all kinds, parallel calls with their results, two user turns in a row. */
export const longChat: Pick<ChatRequest, "messages"> = {
  messages: [
    { role: "system", text: "Be brief." },
    {
      role: "user",
      content: [
        { type: "text", text: "Look:" },
        { type: "image", source: { mediaType: "image/png", base64: "aW1n" }, detail: "low" },
        { type: "image", source: { url: "https://example.com/fish.jpg" } },
        { type: "file", name: "fish.pdf", mediaType: "application/pdf", base64: "cGRm" },
      ],
    },
    {
      role: "assistant",
      content: [
        { type: "reasoning", text: "A guess.", signature: "elsewhere/model-y|abc" },
        { type: "text", text: "Looking." },
        { type: "tool-call", id: "call_1", name: "weather", arguments: '{"city":"Köln"}' },
        { type: "tool-call", id: "call_2", name: "time", arguments: "" },
      ],
    },
    { role: "tool", toolCallId: "call_1", content: [{ type: "text", text: "rain" }] },
    { role: "tool", toolCallId: "call_2", content: [{ type: "text", text: "no clock" }], isError: true },
    { role: "user", content: [{ type: "text", text: "And?" }] },
    { role: "user", content: [{ type: "text", text: "Quick!" }] },
  ],
};

/** Events of a body that arrives in these pieces. */
const decode = (provider: Provider, call: Call, pieces: readonly Uint8Array[]): readonly CallEvent[] => {
  const decoder = provider.decoder(call);
  const sse = createSseReader();
  const text = new TextDecoder();
  const read = (piece: Uint8Array) => sse.push(text.decode(piece, { stream: true }));
  const messages = [...pieces.flatMap(read), ...sse.push(text.decode()), ...sse.end()];
  return [...messages.flatMap((message) => decoder.push(message)), ...decoder.end()];
};

const bytesOf = (body: string) => new TextEncoder().encode(body);

const isLast = ({ type }: CallEvent) => type === "end" || type === "error";

/** A `fetch` that answers every request the same way and keeps what it was sent. */
export const recordFetch = (answer: () => Response) => {
  const requests: {
    readonly url: string;
    readonly headers: Headers;
    readonly body: string;
    readonly signal: AbortSignal;
  }[] = [];
  const fetcher: typeof fetch = async (input: RequestInfo | URL, init?: RequestInit) => {
    const request = new Request(input, init);
    requests.push({ url: request.url, headers: request.headers, body: await request.text(), signal: request.signal });
    return answer();
  };
  return { requests, fetcher };
};

type Recording = {
  readonly fixture: string;
  /** The call it answers, where that matters. */
  readonly call?: Call;
  readonly events: readonly CallEvent[];
};

type Refusal = {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body: string;
  readonly error: Partial<UpstreamError>;
};

export type Contract = {
  readonly env: ProviderEnv;
  readonly connection: Connection;
  /** Where a plain call is sent. */
  readonly url: string;
  readonly recordings: readonly Recording[];
  readonly refusals: readonly Refusal[];
  /** A plain call, where the name of the model matters. */
  readonly call?: Call;
  /** What stands in a header, where that is not the key itself: then the key must stand nowhere. */
  readonly credential?: string;
  /** What to answer a request with that comes before the call, such as one for a token; else null. */
  readonly answerBefore?: (url: string) => Response | null;
};

/** Unbundled, as tests load them, the SDKs are hundreds of modules. */
export const sdkLoadMs = 60_000;

const now = () => Date.parse("2026-11-22T12:00:00Z");

/** What every provider must do. */
export const testProvider = (provider: Provider, contract: Contract): void => {
  const { env, connection, url, recordings, refusals, credential = connection.apiKey, answerBefore } = contract;
  const plainCall = contract.call ?? makeCall();
  const afterOthers =
    (fetcher: typeof fetch): typeof fetch =>
    (input: RequestInfo | URL, init?: RequestInit) => {
      const before = answerBefore?.(new Request(input).url);
      return before ? Promise.resolve(before) : fetcher(input, init);
    };
  describe(`provider ${provider.name}`, () => {
    it("connects by the operator's environment alone", () => {
      expect(provider.connect({})).toBeNull();
      expect(provider.connect(env)).toEqual(connection);
      expect(provider.needs).toMatch(/not set$/);
    });

    describe.each(recordings)("on $fixture", ({ fixture: name, call = plainCall, events }) => {
      const bytes = bytesOf(fixture(name));

      it("decodes the body, and the same in single bytes", () => {
        expect(decode(provider, call, [bytes])).toEqual(events);
        expect(
          decode(
            provider,
            call,
            [...bytes].map((byte) => Uint8Array.of(byte)),
          ),
        ).toEqual(events);
      });

      it("decodes the same when it is split at any byte", () => {
        const expected = JSON.stringify(events);
        for (let at = 1; at < bytes.length; at += 1) {
          expect(JSON.stringify(decode(provider, call, [bytes.subarray(0, at), bytes.subarray(at)]))).toBe(expected);
        }
      });

      it("closes once, with its last event, wherever it is cut", () => {
        for (let at = 0; at < bytes.length; at += 7) {
          const cut = decode(provider, call, [bytes.subarray(0, at)]);
          expect(cut.filter(isLast)).toHaveLength(1);
          expect(isLast(cut.at(-1) ?? { type: "start" })).toBe(true);
        }
      });
    });

    it("calls a body without an answer a breach of the protocol", () => {
      const last = decode(provider, plainCall, [bytesOf("")]).at(-1);
      expect(last).toMatchObject({
        type: "error",
        error: { kind: "upstream", provider: provider.name, cause: "protocol" },
      });
    });

    it("calls an event that is not JSON a breach of the protocol", () => {
      const events = decode(provider, plainCall, [bytesOf("data: {\n\ndata: {}\n\n")]);
      expect(events).toMatchObject([{ type: "error", error: { cause: "protocol" } }]);
    });

    it(
      "sends the key in a header only",
      async () => {
        const { requests, fetcher } = recordFetch(() => new Response("data: x\n\n"));
        const { signal } = new AbortController();
        const response = await provider.send(provider.request(plainCall), connection, {
          fetch: afterOthers(fetcher),
          signal,
          now,
        });
        expect(await response.text()).toBe("data: x\n\n");
        expect(requests).toHaveLength(1);
        expect(requests[0]?.url).toBe(url);
        expect(requests[0]?.body).not.toContain(connection.apiKey);
        const headers = JSON.stringify([...(requests[0]?.headers ?? [])]);
        expect(headers).toContain(credential);
        expect(headers.includes(connection.apiKey)).toBe(credential === connection.apiKey);
      },
      sdkLoadMs,
    );

    it("gives a failure back as it came, without a retry", async () => {
      const { requests, fetcher } = recordFetch(
        () => new Response("<h1>busy</h1>", { status: 503, headers: { "x-id": "7" } }),
      );
      const { signal } = new AbortController();
      const response = await provider.send(provider.request(plainCall), connection, {
        fetch: afterOthers(fetcher),
        signal,
        now,
      });
      expect(response.status).toBe(503);
      expect(response.headers.get("x-id")).toBe("7");
      expect(await response.text()).toBe("<h1>busy</h1>");
      expect(requests).toHaveLength(1);
    });

    it("hands the signal on", async () => {
      const controller = new AbortController();
      const hanging: typeof fetch = (_input: RequestInfo | URL, init?: RequestInit) =>
        new Promise((_resolve, reject) => {
          init?.signal?.addEventListener("abort", () => reject(new Error("aborted")));
          controller.abort();
        });
      const sent = provider.send(provider.request(plainCall), connection, {
        fetch: afterOthers(hanging),
        signal: controller.signal,
        now,
      });
      await expect(sent).rejects.toThrow(/abort/i);
    });

    it.each(refusals)("reads $status as $error.cause", ({ status, headers, body, error }) => {
      expect(provider.error(status, new Headers(headers), body)).toMatchObject({
        kind: "upstream",
        provider: provider.name,
        status,
        ...error,
      });
    });

    it.each([
      [500, "server"],
      [502, "server"],
      [503, "overloaded"],
      [504, "timeout"],
      [400, "invalid_request"],
      [401, "authentication"],
      [403, "authentication"],
      [429, "rate_limited"],
    ])("reads a %i without a JSON body as %s", (status, cause) => {
      for (const body of ["", "<html><body>nginx</body></html>", "upstream connect error"]) {
        const error = provider.error(status, new Headers(), body);
        expect(error).toMatchObject({ cause, status, retryAfterSeconds: null });
        expect(error.message).not.toBe("");
      }
    });

    it("keeps anything like a key out of an error's message", () => {
      const body = JSON.stringify({
        error: { message: "bad request by sk-abcdef0123456789 at /v1?key=AIzaSyA1234567890" },
      });
      const { message } = provider.error(400, new Headers(), body);
      expect(message).not.toMatch(/sk-abc|AIza/);
    });
  });
};
