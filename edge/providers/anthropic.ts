import type { Ability } from "../../shared/workers.ts";
import { createMessagesDecoder } from "./anthropic-answer.ts";
import { messagesBody } from "./anthropic-request.ts";
import type { Call, Connection, Provider } from "./provider.ts";
import { keepClients, original } from "./sdk.ts";
import { readError } from "./upstream-error.ts";

const name = "anthropic";

const originOf = ({ upstream }: Call) => ({ provider: name, upstream });

const clientOf = keepClients(() => import("./anthropic-sdk.ts"));

export const anthropicAbilities: ReadonlySet<Ability> = new Set<Ability>([
  "tools",
  "tool_choice",
  "parallel_tool_calls",
  "vision",
  "image_url",
  "file",
  "json_schema",
  "temperature",
  "top_p",
  "top_k",
  "stop",
]);

/** Calls are processed anywhere unless they say otherwise. https://platform.claude.com/docs/en/manage-claude/data-residency */
const ownHost = "https://api.anthropic.com";

const connectTo = (baseUrl: string, apiKey: string): Connection => ({
  apiKey,
  baseUrl,
  ...(baseUrl === ownHost && { dataRegion: "global" }),
});

export const anthropic: Provider = {
  name,
  needs: "ANTHROPIC_API_KEY is not set",
  abilities: anthropicAbilities,
  connect: ({ ANTHROPIC_API_KEY: apiKey, ANTHROPIC_BASE_URL: baseUrl }) =>
    apiKey ? connectTo(baseUrl || ownHost, apiKey) : null,
  request: (call) => messagesBody(call, originOf(call)),
  send: async (body, connection, { fetch: fetcher, signal }) => {
    const client = await clientOf(connection, fetcher);
    return original(await client.post("/v1/messages", { body, signal, stream: true }).asResponse());
  },
  decoder: (call) => createMessagesDecoder(originOf(call)),
  error: (status, headers, body) => readError(name, status, headers, body),
};
