import type { UpstreamError } from "../../shared/errors.ts";
import { entryOf, fieldsOf, parseFields, textOf, type Fields } from "./narrow.ts";

type Cause = UpstreamError["cause"];

/** A failure as far as a vendor's body tells it. */
export type Failure = {
  readonly provider: string;
  readonly status: number | null;
  /** The vendor's own name of it, e.g. `context_length_exceeded` or `overloaded_error`. */
  readonly code?: string;
  readonly message: string;
  readonly retryAfterSeconds?: number | null;
};

const maxMessageLength = 500;
/** What is read of a message: some patterns take time that grows with the square of its length. */
const maxReadLength = 4_000;

const causesByCode: Readonly<Record<string, Cause>> = {
  context_length_exceeded: "context_too_long",
  request_too_large: "context_too_long",
  content_filter: "content_filter",
  content_policy_violation: "content_filter",
  invalid_prompt: "content_filter",
  bio_policy: "content_filter",
  misalignment_policy_violation: "content_filter",
  image_content_policy_violation: "content_filter",
  authentication_error: "authentication",
  permission_error: "authentication",
  billing_error: "authentication",
  insufficient_quota: "authentication",
  invalid_api_key: "authentication",
  API_KEY_INVALID: "authentication",
  UNAUTHENTICATED: "authentication",
  PERMISSION_DENIED: "authentication",
  rate_limit_error: "rate_limited",
  rate_limit_exceeded: "rate_limited",
  RESOURCE_EXHAUSTED: "rate_limited",
  overloaded_error: "overloaded",
  UNAVAILABLE: "overloaded",
  timeout_error: "timeout",
  DEADLINE_EXCEEDED: "timeout",
  invalid_request_error: "invalid_request",
  not_found_error: "invalid_request",
  INVALID_ARGUMENT: "invalid_request",
  AccessDeniedException: "authentication",
  ExpiredTokenException: "authentication",
  IncompleteSignatureException: "authentication",
  InvalidSignatureException: "authentication",
  UnrecognizedClientException: "authentication",
  ThrottlingException: "rate_limited",
  ServiceQuotaExceededException: "rate_limited",
  ModelNotReadyException: "overloaded",
  ServiceUnavailableException: "overloaded",
  ModelTimeoutException: "timeout",
  ModelErrorException: "server",
};

/** What vendors write when the prompt does not fit: OpenAI and hosts like it, Anthropic (two wordings), Bedrock, Google, llama.cpp. */
const contextTooLong =
  /maximum context length|prompt is too long|input is too long|exceed(s|ed)? (the )?(available )?context|context (window|length|size) ?exceeded|input token count .*exceeds the maximum|too many (input )?tokens|ContextWindowExceeded/i;

const contentFiltered = /content (management|filter|policy)|flagged (as|by)|usage polic(y|ies)|moderation/i;

const secretLike = /\b(sk|rk|pk|gsk|xai|AIza|Bearer)[-_ ]?[\w*.-]{8,}|([?&](api_?)?key=)[^&\s"]+/gi;

const causeByStatus = (status: number | null): Cause => {
  if (status === null) return "server";
  if (status === 401 || status === 402 || status === 403) return "authentication";
  if (status === 408 || status === 504) return "timeout";
  if (status === 413) return "context_too_long";
  if (status === 429) return "rate_limited";
  if (status === 503 || status === 529) return "overloaded";
  return status >= 400 && status < 500 ? "invalid_request" : "server";
};

const causeOf = ({ status, code, message }: Failure): Cause => {
  // A limit of tokens a minute sounds like a context that is too long.
  if (status !== 429 && contextTooLong.test(message)) return "context_too_long";
  const named = entryOf(causesByCode, code ?? "");
  if (named !== undefined && named !== "invalid_request") return named;
  const refusal = status === null || status === 400 || status === 403;
  if (refusal && contentFiltered.test(message)) return "content_filter";
  // `invalid_request_error` is also what some call a wrong key.
  return status === null ? (named ?? "server") : causeByStatus(status);
};

/** Safe to show to a tenant: bounded, one line, without anything that looks like a key. */
const publicMessage = (message: string) =>
  message.replace(secretLike, "[redacted]").replace(/\s+/g, " ").trim().slice(0, maxMessageLength);

/**
 * A vendor's failure in our terms. What a vendor writes about the operator's credentials is not passed on: vendors
 * echo parts of the key and name the account.
 */
export const upstreamError = (failure: Failure): UpstreamError => {
  const { provider, status } = failure;
  const told = failure.message.slice(0, maxReadLength);
  const cause = causeOf({ ...failure, message: told });
  const message = cause === "authentication" ? "refused the operator's credentials or account" : publicMessage(told);
  return {
    kind: "upstream",
    provider,
    cause,
    status,
    message: message || `answered ${status ?? "an error"} without a reason`,
    retryAfterSeconds: failure.retryAfterSeconds ?? null,
  };
};

/** The address is right and the model is not there: another worker may answer. */
export const notServed = (provider: string): UpstreamError => ({
  kind: "upstream",
  provider,
  cause: "server",
  status: 404,
  message: "does not serve the model to the operator's account",
  retryAfterSeconds: null,
});

/** An answer whose body broke the vendor's own format. */
export const protocolError = (provider: string, message: string): UpstreamError => ({
  kind: "upstream",
  provider,
  cause: "protocol",
  status: null,
  // It may end in words of the vendor's.
  message: publicMessage(message.slice(0, maxReadLength)),
  retryAfterSeconds: null,
});

/** A client that is told to wait for longer would take it for never. */
const mostSeconds = 86_400;

/** `retry-after-ms`, or `retry-after` in seconds or as a date, read against the response's own `date`. */
const retryAfterSeconds = (headers: Headers): number | null => {
  const milliseconds = Number.parseFloat(headers.get("retry-after-ms") ?? "");
  if (milliseconds >= 0) return Math.min(mostSeconds, milliseconds / 1000);
  const value = headers.get("retry-after")?.trim() ?? "";
  if (/^\d+(\.\d+)?$/.test(value)) return Math.min(mostSeconds, Number(value));
  const wait = Date.parse(value) - Date.parse(headers.get("date") ?? "");
  return Number.isFinite(wait) ? Math.min(mostSeconds, Math.max(0, wait / 1000)) : null;
};

/** The error object of a JSON body, wherever hosts put it; null for HTML, text and nothing. */
const errorFields = (body: string): Fields | null => {
  // A list of one is what Google sends outside of an event stream.
  const unwrapped = body.trimStart().startsWith("[") ? body.trim().slice(1, -1) : body;
  const fields = parseFields(unwrapped);
  if (!fields) return null;
  return typeof fields["error"] === "string"
    ? { message: fields["error"], ...fields }
    : fieldsOf(fields["error"] ?? fields);
};

const codeOf = (error: Fields): string =>
  [error["code"], error["type"], error["status"]].map(textOf).find((name) => entryOf(causesByCode, name)) ?? "";

/**
 * A response other than 2xx, in the shape that most vendors share: `{"error": {"message", "code" | "type" | "status"}}`.
 * `named`: the vendor's name of it, where that stands elsewhere.
 */
export const readError = (
  provider: string,
  status: number,
  headers: Headers,
  body: string,
  named = "",
): UpstreamError => {
  const error = errorFields(body);
  return upstreamError({
    provider,
    status,
    code: named || (error ? codeOf(error) : ""),
    message: error ? textOf(error["message"]) : "",
    retryAfterSeconds: retryAfterSeconds(headers),
  });
};

/** An error object inside a stream that began with 200. `code` is a status where a host relays another's. */
export const readStreamError = (provider: string, error: Fields): UpstreamError => {
  const relayed = Number(error["code"]);
  return upstreamError({
    provider,
    status: relayed >= 400 && relayed < 600 ? relayed : null,
    code: codeOf(error),
    message: textOf(error["message"]),
  });
};
