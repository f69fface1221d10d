import { createStream, writeError, writeJson } from "./chat-completions-answer.ts";
import { readRequest } from "./chat-completions-request.ts";
import type { Format } from "./format.ts";

/** OpenAI's Chat Completions. https://platform.openai.com/docs/api-reference/chat */
export const chatCompletions: Format = {
  name: "chat-completions",
  signsThoughts: false,
  answerId: (requestId) => `chatcmpl-${requestId}`,
  parse: readRequest,
  stream: createStream,
  json: writeJson,
  error: writeError,
};
