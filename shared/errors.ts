/**
 * Every way in which a request can fail, and the one mapping of each to the wire. A new failure does not compile
 * until it has a wire form, so nothing internal leaks by default.
 */
export type ShoalError =
  | { readonly kind: "missing_key" }
  | { readonly kind: "invalid_key" }
  | { readonly kind: "wrong_region"; readonly region: string; readonly host: string | null }
  | { readonly kind: "forbidden"; readonly message: string }
  | { readonly kind: "not_found"; readonly message: string }
  | { readonly kind: "method_not_allowed"; readonly allowed: readonly string[] }
  | { readonly kind: "body_too_large"; readonly limitBytes: number }
  | { readonly kind: "invalid_json"; readonly message: string }
  /** `param` is the field's path as the client wrote it, e.g. `messages[1].content`. */
  | { readonly kind: "invalid_request"; readonly message: string; readonly param: string | null }
  | { readonly kind: "unknown_parameter"; readonly param: string }
  /** No worker in the pool honors the parameter. */
  | { readonly kind: "unsupported_parameter"; readonly param: string; readonly message: string }
  /** The response that the request continues is not kept: it was not stored, was deleted, or has expired. */
  | { readonly kind: "unknown_response"; readonly id: string }
  | { readonly kind: "unknown_model"; readonly model: string; readonly nearest: readonly string[] }
  /** The vendor has shut the model down. `on`: since which day. */
  | { readonly kind: "retired_model"; readonly model: string; readonly on: string; readonly successor: string }
  | { readonly kind: "context_too_long"; readonly tokens: number; readonly limitTokens: number }
  | { readonly kind: "rate_limited"; readonly limit: string; readonly retryAfterSeconds: number }
  | { readonly kind: "insufficient_budget"; readonly limit: string; readonly retryAfterSeconds: number | null }
  /** The request wants no answer but a cached one, and there is none. */
  | { readonly kind: "not_cached" }
  /** No worker is configured, or none is ready yet. */
  | { readonly kind: "no_worker"; readonly message: string; readonly retryAfterSeconds: number | null }
  | UpstreamError
  | { readonly kind: "internal" };

/** What a vendor answered instead of an answer, in no vendor's words but its `message`. */
export type UpstreamError = {
  readonly kind: "upstream";
  readonly provider: string;
  readonly cause:
    | "invalid_request"
    | "context_too_long"
    | "authentication"
    | "rate_limited"
    | "overloaded"
    | "server"
    | "timeout"
    | "network"
    | "content_filter"
    /** The body broke the vendor's own format. */
    | "protocol";
  readonly status: number | null;
  readonly message: string;
  readonly retryAfterSeconds: number | null;
};

/** OpenAI's error object with its status. https://platform.openai.com/docs/guides/error-codes */
export type WireError = {
  readonly status: number;
  readonly type: string;
  readonly code: string | null;
  readonly message: string;
  readonly param: string | null;
  readonly retryAfterSeconds: number | null;
};

/** Where a name is wanted, some send their key; messages that repeat the name end up in logs. */
const ownKeys = /sk-shoal-[\w-]+/g;

const wire = (
  status: number,
  type: string,
  code: string | null,
  message: string,
  rest: { param?: string | null; retryAfterSeconds?: number | null } = {},
): WireError => ({
  status,
  type,
  code,
  message: message.replace(ownKeys, "sk-shoal-[redacted]"),
  param: rest.param ?? null,
  retryAfterSeconds: rest.retryAfterSeconds ?? null,
});

const invalid = (code: string | null, message: string, param: string | null = null) =>
  wire(400, "invalid_request_error", code, message, { param });

/** Total over the union. Messages are safe to show: no secret, no internal address, no other tenant's data. */
export const toWire = (error: ShoalError): WireError => {
  switch (error.kind) {
    case "missing_key":
      return wire(401, "authentication_error", "missing_api_key", "no API key: send `Authorization: Bearer <key>`");
    case "invalid_key":
      return wire(401, "authentication_error", "invalid_api_key", "the API key is not valid");
    case "wrong_region":
      return wire(
        421,
        "invalid_request_error",
        "wrong_region",
        `the key belongs to region ${error.region}${error.host ? `: use ${addressOf(error.host)}` : ""}`,
      );
    case "forbidden":
      return wire(403, "permission_error", "forbidden", error.message);
    case "not_found":
      return wire(404, "invalid_request_error", "not_found", error.message);
    case "method_not_allowed":
      return wire(405, "invalid_request_error", "method_not_allowed", `use ${error.allowed.join(" or ")}`);
    case "body_too_large":
      return wire(
        413,
        "invalid_request_error",
        "request_too_large",
        `the body is larger than ${error.limitBytes} bytes`,
      );
    case "invalid_json":
      return invalid("invalid_json", `the body is not valid JSON: ${error.message}`);
    case "invalid_request":
      return invalid("invalid_value", error.message, error.param);
    case "unknown_parameter":
      return invalid("unknown_parameter", `unknown parameter: '${error.param}'`, error.param);
    case "unsupported_parameter":
      return invalid("unsupported_parameter", error.message, error.param);
    case "unknown_response":
      return invalid(
        "previous_response_not_found",
        `previous response with id '${error.id}' not found`,
        "previous_response_id",
      );
    case "unknown_model":
      return wire(404, "invalid_request_error", "model_not_found", unknownModelMessage(error), { param: "model" });
    case "retired_model":
      return wire(
        410,
        "invalid_request_error",
        "model_retired",
        `the model '${error.model}' was retired on ${error.on}: use '${error.successor}'`,
        { param: "model" },
      );
    case "context_too_long":
      return invalid(
        "context_length_exceeded",
        `the request has about ${error.tokens} tokens; the largest context in the pool is ${error.limitTokens}`,
        "messages",
      );
    case "rate_limited":
      return wire(429, "rate_limit_error", "rate_limit_exceeded", `limit reached: ${error.limit}`, error);
    case "insufficient_budget":
      return wire(402, "insufficient_quota", "insufficient_quota", `budget exhausted: ${error.limit}`, error);
    case "not_cached":
      return wire(
        504,
        "invalid_request_error",
        "not_cached",
        "no answer to this request is cached, and `cache-control: only-if-cached` asks for no other",
      );
    case "no_worker":
      return wire(503, "server_error", "no_worker", error.message, error);
    case "upstream":
      return upstreamToWire(error);
    case "internal":
      return wire(500, "server_error", "internal_error", "internal error");
    default:
      return error satisfies never;
  }
};

/** A host is served over TLS unless it says otherwise. */
const addressOf = (host: string): string => (host.includes("://") ? host : `https://${host}`);

const unknownModelMessage = ({ model, nearest }: { model: string; nearest: readonly string[] }) =>
  `the model '${model}' does not exist or is not available to this key${
    nearest.length > 0 ? `; did you mean ${nearest.map((name) => `'${name}'`).join(" or ")}?` : ""
  }`;

const upstreamToWire = (error: UpstreamError): WireError => {
  const message = `${error.provider}: ${error.message}`;
  const { retryAfterSeconds } = error;
  switch (error.cause) {
    case "invalid_request":
      return invalid("upstream_invalid_request", message);
    case "context_too_long":
      return invalid("context_length_exceeded", message, "messages");
    case "content_filter":
      return invalid("content_filter", message);
    case "rate_limited":
      return wire(429, "rate_limit_error", "upstream_rate_limited", message, { retryAfterSeconds });
    case "overloaded":
      return wire(503, "server_error", "upstream_overloaded", message, { retryAfterSeconds });
    case "timeout":
      return wire(504, "server_error", "upstream_timeout", message);
    // The operator's credential, not the client's: a 401 would send the client looking at its own key.
    case "authentication":
    case "server":
    case "network":
    case "protocol":
      return wire(502, "server_error", `upstream_${error.cause}`, message, { retryAfterSeconds });
    default:
      return error.cause satisfies never;
  }
};

/** Whether another worker may succeed where this one failed. */
export const isRetryable = (error: ShoalError): boolean =>
  error.kind === "upstream"
    ? error.cause !== "invalid_request" && error.cause !== "content_filter"
    : error.kind === "no_worker";
