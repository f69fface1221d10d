import type { Format } from "./format.ts";
import { writeJson } from "./messages-answer.ts";
import { statusOf, writeError } from "./messages-error.ts";
import { readRequest } from "./messages-request.ts";
import { createStream, ping } from "./messages-stream.ts";

/** Whether errors and lists must be Anthropic's: by the path, or by the header that its clients send everywhere. */
export const speaksMessages = ({ url, headers }: Request): boolean =>
  /^\/v1\/messages(\/|$)/.test(new URL(url).pathname) || headers.has("anthropic-version");

/** Anthropic's Messages. https://platform.claude.com/docs/en/api/messages */
export const messages: Format = {
  name: "messages",
  signsThoughts: true,
  answerId: (requestId) => `msg_${requestId}`,
  parse: readRequest,
  stream: createStream,
  json: writeJson,
  error: writeError,
  status: statusOf,
  ping,
};
