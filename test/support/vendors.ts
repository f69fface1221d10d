/**
 * Loopback servers that play the vendors in their real wire formats, as a test scripts them, and refuse what the
 * vendor would refuse. Test equipment only: nothing they answer says anything about quality.
 */
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http";
import { text as readText } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { err, ok, type Result } from "../../shared/result.ts";
import { type Validate, validateAnthropic, validateChat, validateGoogle, validateResponse } from "./vendor-bodies.ts";
import {
  type Answer,
  errorBody,
  errorEvent,
  type Write,
  writeAnthropic,
  writeChat,
  writeGoogle,
  writeHostChat,
  writeResponse,
} from "./vendor-streams.ts";

export const vendorNames = ["openai", "anthropic", "google"] as const;
type VendorName = (typeof vendorNames)[number];

/** How the next calls are answered. What is left out is an ordinary short answer, at once. */
export type Script = Partial<Answer> & {
  /** Other than 200: an error in the vendor's shape. */
  readonly status?: number;
  readonly retryAfterSeconds?: number;
  readonly headersAfterMs?: number;
  /** Time before each content chunk. */
  readonly chunkEveryMs?: number;
  /** Awaited before content chunk `index`, counted from 0: a test that lets chunks out by hand. */
  readonly beforeChunk?: (index: number) => Promise<void>;
  /**
   * After so many content chunks: `cut` drops the connection, `truncate` ends the body properly but early, `garble`
   * sends bytes that are no JSON and goes on, `error` sends the vendor's error event.
   */
  readonly breakAfter?: { readonly chunks: number; readonly how: "cut" | "truncate" | "garble" | "error" };
};

type Scripter = Script | ((call: VendorCall) => Script);

/** One request as the vendor saw it. Times in milliseconds since the epoch, with fractions. */
export type VendorCall = {
  readonly vendor: VendorName;
  readonly model: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: unknown;
  readonly startedAt: number;
  readonly headersAt: number | null;
  readonly chunksAt: readonly number[];
  readonly endedAt: number | null;
  /** Resolves when the exchange is over: whether the vendor said all it had, or the caller left before. */
  readonly closed: Promise<"finished" | "aborted">;
};

/** Something the vendor would have answered with a 4xx. */
type Violation = { readonly vendor: VendorName; readonly problem: string; readonly body: unknown };

type Vendor = {
  readonly name: VendorName;
  /** What the operator sets as this vendor's base URL. */
  readonly baseUrl: string;
  readonly key: string;
  readonly calls: readonly VendorCall[];
  /** The call that came `index`th, counted from 0, once it has come. */
  call(index: number): Promise<VendorCall>;
  script(scripter: Scripter): void;
  /** Closes every connection and takes no new one. */
  refuse(): Promise<void>;
  /** Listens again, on the same port. */
  accept(): Promise<void>;
};

export type Vendors = Readonly<Record<VendorName, Vendor>> & {
  /** Keys and base URLs for the environment of the system under test. */
  readonly env: Readonly<Record<string, string>>;
  /** Of all vendors: a test that sends nothing wrong leaves this empty. */
  readonly violations: readonly Violation[];
  /** All calls of all vendors in the order in which they came. */
  calls(): readonly VendorCall[];
  /** The same for all vendors. */
  script(scripter: Scripter): void;
  /** Forgets calls, violations and scripts. */
  reset(): void;
  [Symbol.asyncDispose](): Promise<void>;
};

type Endpoint = { readonly model: string; readonly validate: Validate; readonly write: Write };

type Traits = {
  readonly keyName: string;
  readonly baseUrlName: string;
  readonly basePath: string;
  /** Null when the vendor has no such endpoint. */
  readonly endpoint: (url: URL, body: unknown) => Endpoint | null;
  readonly authenticates: (headers: IncomingHttpHeaders, url: URL, key: string) => boolean;
};

const modelField = (body: unknown): string =>
  typeof body === "object" && body !== null && "model" in body && typeof body.model === "string" ? body.model : "";

/** Another host that speaks Chat Completions: `/host/v1` beside OpenAI's own base path, with the same key. */
const hostPath = "/host/v1/chat/completions";

const traits: Record<VendorName, Traits> = {
  openai: {
    keyName: "OPENAI_API_KEY",
    baseUrlName: "OPENAI_BASE_URL",
    basePath: "/v1",
    endpoint({ pathname }, body) {
      const model = modelField(body);
      if (pathname === "/v1/chat/completions") return { model, validate: validateChat, write: writeChat };
      if (pathname === hostPath) return { model, validate: validateChat, write: writeHostChat };
      return pathname === "/v1/responses" ? { model, validate: validateResponse, write: writeResponse } : null;
    },
    authenticates: (headers, _url, key) => headers.authorization === `Bearer ${key}`,
  },
  anthropic: {
    keyName: "ANTHROPIC_API_KEY",
    baseUrlName: "ANTHROPIC_BASE_URL",
    basePath: "",
    endpoint: ({ pathname }, body) =>
      pathname === "/v1/messages"
        ? { model: modelField(body), validate: validateAnthropic, write: writeAnthropic }
        : null,
    authenticates: (headers, _url, key) =>
      (headers["x-api-key"] === key || headers.authorization === `Bearer ${key}`) &&
      /^\d{4}-\d{2}-\d{2}$/.test(String(headers["anthropic-version"])),
  },
  google: {
    keyName: "GEMINI_API_KEY",
    baseUrlName: "GEMINI_BASE_URL",
    basePath: "",
    endpoint({ pathname, searchParams }) {
      const model = /^\/v1(?:beta)?\/models\/([^/:]+):streamGenerateContent$/.exec(pathname)?.[1];
      if (model === undefined || searchParams.get("alt") !== "sse") return null;
      return { model, validate: validateGoogle, write: writeGoogle };
    },
    // A key in the URL would end up in logs.
    authenticates: (headers, url, key) => headers["x-goog-api-key"] === key && !url.searchParams.has("key"),
  },
};

const defaultText = ["Fish ", "turn ", "together."];

const completeAnswer = (script: Script): Answer => {
  const reasoning = script.reasoning ?? [];
  const toolCalls = script.toolCalls ?? [];
  const text = script.text ?? (toolCalls.length > 0 ? [] : defaultText);
  return {
    reasoning,
    text,
    toolCalls,
    end: script.end ?? (toolCalls.length > 0 ? "tool_calls" : "stop"),
    ...(script.stopSequence !== undefined && { stopSequence: script.stopSequence }),
    usage: script.usage ?? {
      inputTokens: 20,
      cachedInputTokens: 0,
      outputTokens: reasoning.length + text.length + toolCalls.length,
      reasoningTokens: reasoning.length,
    },
  };
};

const clock = () => performance.timeOrigin + performance.now();

type OpenCall = { -readonly [K in keyof VendorCall]: VendorCall[K] } & { chunksAt: number[] };

type Behavior = { readonly vendor: Vendor; reset(): void; stop(): Promise<void> };

const startVendor = async (
  { name, key }: { readonly name: VendorName; readonly key: string },
  report: (violation: Violation) => void,
  onCall: (call: VendorCall) => void,
): Promise<Behavior> => {
  const trait = traits[name];
  let scripter: Scripter = {};
  let calls: VendorCall[] = [];
  let waiting: { readonly index: number; readonly resolve: (call: VendorCall) => void }[] = [];

  const record = (call: VendorCall) => {
    calls.push(call);
    onCall(call);
    const arrived = waiting.filter(({ index }) => index < calls.length);
    waiting = waiting.filter(({ index }) => index >= calls.length);
    for (const { index, resolve } of arrived) resolve(calls[index] ?? call);
  };

  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const startedAt = clock();
    const url = new URL(request.url ?? "/", "http://vendor");
    const closed = new Promise<"finished" | "aborted">((resolve) => {
      response.once("close", () => resolve(response.writableFinished ? "finished" : "aborted"));
    });
    const { text, body } = await readJson(request);
    const endpoint = trait.endpoint(url, body);
    const call: OpenCall = {
      vendor: name,
      model: endpoint?.model ?? "",
      path: url.pathname,
      headers: request.headers,
      body,
      startedAt,
      headersAt: null,
      chunksAt: [],
      endedAt: null,
      closed,
    };
    void closed.then(() => (call.endedAt = clock()));
    record(call);

    const accepted = accept(endpoint, { trait, request, url, key, body, text });
    if (!accepted.ok) {
      const { status, problems } = accepted.error;
      for (const problem of problems) report({ vendor: name, problem, body });
      return sendError(name, response, { status, message: problems.join("; ") });
    }
    const script = typeof scripter === "function" ? scripter(call) : scripter;
    await play(name, { call, script, write: accepted.value.write }, response);
  };

  const server = createServer((request, response) => void answer(request, response));
  const listen = async (port: number) => {
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    return typeof address === "object" && address ? address.port : port;
  };
  const close = async () => {
    if (!server.listening) return;
    const over = once(server, "close");
    server.close();
    server.closeAllConnections();
    await over;
  };
  const port = await listen(0);

  return {
    vendor: {
      name,
      baseUrl: `http://127.0.0.1:${port}${trait.basePath}`,
      key,
      get calls() {
        return calls;
      },
      call: (index) => {
        const call = calls[index];
        return call ? Promise.resolve(call) : new Promise((resolve) => waiting.push({ index, resolve }));
      },
      script(next) {
        scripter = next;
      },
      refuse: close,
      async accept() {
        if (!server.listening) await listen(port);
      },
    },
    reset() {
      calls = [];
      scripter = {};
    },
    stop: close,
  };
};

const readJson = async (request: IncomingMessage): Promise<{ text: string; body: unknown }> => {
  const text = await readText(request);
  try {
    return { text, body: JSON.parse(text) as unknown };
  } catch {
    return { text, body: undefined };
  }
};

type Seen = {
  readonly trait: Traits;
  readonly request: IncomingMessage;
  readonly url: URL;
  readonly key: string;
  readonly body: unknown;
  readonly text: string;
};

type Refusal = { readonly status: number; readonly problems: readonly string[] };

const accept = (endpoint: Endpoint | null, seen: Seen): Result<Endpoint, Refusal> => {
  const { trait, request, url, key, body, text } = seen;
  const type = request.headers["content-type"];
  if (endpoint === null || request.method !== "POST") {
    return err({ status: 404, problems: [`no such endpoint: ${request.method} ${url.pathname}${url.search}`] });
  }
  if (!trait.authenticates(request.headers, url, key)) return err({ status: 401, problems: ["wrong credentials"] });
  if (!type?.startsWith("application/json")) return err({ status: 400, problems: [`content-type is ${type}`] });
  if (body === undefined) return err({ status: 400, problems: [`the body is not JSON: ${text.slice(0, 200)}`] });
  const problems = endpoint.validate(body);
  return problems.length > 0 ? err({ status: 400, problems }) : ok(endpoint);
};

const sendError = (
  name: VendorName,
  response: ServerResponse,
  error: { readonly status: number; readonly message: string; readonly retryAfterSeconds?: number | undefined },
) => {
  response.writeHead(error.status, {
    "content-type": "application/json",
    ...(error.retryAfterSeconds !== undefined && { "retry-after": String(error.retryAfterSeconds) }),
  });
  response.end(JSON.stringify(errorBody[name](error.status, error.message)));
};

type Part = { readonly call: OpenCall; readonly script: Script; readonly write: Write };

const play = async (name: VendorName, { call, script, write }: Part, response: ServerResponse): Promise<void> => {
  const gone = new AbortController();
  void call.closed.then(() => gone.abort());
  const pause = (ms: number | undefined) =>
    ms === undefined ? Promise.resolve() : delay(ms, undefined, { signal: gone.signal }).catch(() => undefined);

  await pause(script.headersAfterMs);
  if (gone.signal.aborted) return;
  call.headersAt = clock();
  const status = script.status ?? 200;
  if (status !== 200) {
    sendError(name, response, {
      status,
      message: `scripted error ${status}`,
      retryAfterSeconds: script.retryAfterSeconds,
    });
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache" });
  response.flushHeaders();

  let sent = 0;
  const breakNow = () => script.breakAfter !== undefined && script.breakAfter.chunks === sent;
  for (const frame of write(completeAnswer(script), call)) {
    if (frame.content) {
      if (breakNow() && breakBody(name, script.breakAfter?.how ?? "cut", response)) return;
      await script.beforeChunk?.(sent);
      await pause(script.chunkEveryMs);
      if (gone.signal.aborted) return;
      call.chunksAt.push(clock());
      sent += 1;
    }
    response.write(frame.wire);
  }
  if (breakNow() && breakBody(name, script.breakAfter?.how ?? "cut", response)) return;
  response.end();
};

/** Whether the body is over with it. */
const breakBody = (
  name: VendorName,
  how: "cut" | "truncate" | "garble" | "error",
  response: ServerResponse,
): boolean => {
  switch (how) {
    case "cut":
      response.destroy();
      return true;
    case "truncate":
      response.end();
      return true;
    case "error":
      response.end(errorEvent[name](529, "scripted error within the stream"));
      return true;
    case "garble":
      response.write('data: {"choices": [}\n\n');
      return false;
    default:
      return how satisfies never;
  }
};

/** `account` sets their keys apart from those of other vendors that a test starts. */
export const startVendors = async (account?: string): Promise<Vendors> => {
  let violations: Violation[] = [];
  let order: VendorCall[] = [];
  const start = (name: VendorName) =>
    startVendor(
      { name, key: account === undefined ? `test-key-of-${name}` : `test-key-of-${account}-at-${name}` },
      (violation) => violations.push(violation),
      (call) => order.push(call),
    );
  const [openai, anthropic, google] = await Promise.all([start("openai"), start("anthropic"), start("google")]);
  const all = [openai, anthropic, google];
  return {
    openai: openai.vendor,
    anthropic: anthropic.vendor,
    google: google.vendor,
    env: Object.fromEntries(
      all.flatMap(({ vendor }) => [
        [traits[vendor.name].keyName, vendor.key],
        [traits[vendor.name].baseUrlName, vendor.baseUrl],
      ]),
    ),
    get violations() {
      return violations;
    },
    calls: () => order,
    script(scripter) {
      for (const { vendor } of all) vendor.script(scripter);
    },
    reset() {
      violations = [];
      order = [];
      for (const behavior of all) behavior.reset();
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(all.map((behavior) => behavior.stop()));
    },
  };
};

/** Whether all these calls were open at one moment. */
export const overlap = (calls: readonly VendorCall[]): boolean =>
  Math.max(...calls.map((call) => call.startedAt)) < Math.min(...calls.map((call) => call.endedAt ?? Infinity));
