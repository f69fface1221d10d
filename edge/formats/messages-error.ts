import type { WireError } from "../../shared/errors.ts";

/** https://platform.claude.com/docs/en/api/errors */
const typeOfStatus: Readonly<Record<number, string>> = {
  401: "authentication_error",
  402: "billing_error",
  403: "permission_error",
  404: "not_found_error",
  410: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  503: "overloaded_error",
  504: "timeout_error",
};

/** The names under which Anthropic's clients know what the pool names in OpenAI's words. */
const paramNames: Readonly<Record<string, string>> = {
  response_format: "output_config.format",
  reasoning_effort: "thinking",
  stop: "stop_sequences",
  parallel_tool_calls: "tool_choice.disable_parallel_tool_use",
};

/** Anthropic's error object has no field for the parameter, so the message names it. */
export const writeError = ({ status, message, code, param }: WireError) => ({
  type: "error",
  error: {
    type: typeOfStatus[status] ?? (status < 500 ? "invalid_request_error" : "api_error"),
    message: code === "unsupported_parameter" && param !== null ? rename(message, param) : message,
  },
});

const rename = (message: string, param: string): string =>
  message.replace(`'${param}'`, `'${Object.hasOwn(paramNames, param) ? paramNames[param] : param}'`);

/** Anthropic's own status for what is overloaded. */
export const statusOf = ({ status }: WireError): number => (status === 503 ? 529 : status);
