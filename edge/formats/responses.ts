import { makeResponseId } from "../conversation/response-id.ts";
import type { Format } from "./format.ts";
import { writeError, writeJson } from "./responses-answer.ts";
import { readRequest } from "./responses-request.ts";
import { createStream } from "./responses-stream.ts";

/** OpenAI's Responses. https://developers.openai.com/api/reference/resources/responses */
export const responses: Format = {
  name: "responses",
  signsThoughts: true,
  answerId: makeResponseId,
  parse: readRequest,
  stream: createStream,
  json: writeJson,
  error: writeError,
};
