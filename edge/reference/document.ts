import * as z from "zod";
import { error, messagesError } from "./answers.ts";
import { operations, type Operation } from "./operations.ts";

type Json = Readonly<Record<string, unknown>>;

/** OpenAPI 3.1, written from the schemas that read the requests. https://spec.openapis.org/oas/v3.1 */
const writeDocument = (): Json => ({
  openapi: "3.1.1",
  info: {
    title: "Shoal",
    version: "1",
    summary: "One endpoint whose model is a team",
    description:
      "Chat Completions, Responses and Messages over one pool of workers. Every answer has `x-request-id`, under which `/v1/traces/{id}` tells how it came about, and `server-timing`.",
    license: { name: "Apache-2.0", identifier: "Apache-2.0" },
  },
  servers: [{ url: "/" }],
  tags: [
    { name: "answers", description: "Conversations in three formats, and embeddings" },
    { name: "models", description: "What can be asked for" },
    { name: "plans", description: "Who works on a request, before and after" },
    { name: "operator", description: "Tenants and keys, with the operator's credential" },
    { name: "service", description: "The service itself" },
  ],
  security: [{ key: [] }],
  paths: writePaths(),
  components: {
    securitySchemes: {
      key: { type: "http", scheme: "bearer", description: "A tenant's key" },
      admin: { type: "http", scheme: "bearer", description: "The operator's credential" },
    },
    headers: {
      requestId: { description: "The request's id", schema: { type: "string" } },
      retryAfter: { description: "Seconds to wait", schema: { type: "integer", minimum: 1 } },
    },
    schemas: writeSchemas(),
  },
});

const writePaths = (): Json => {
  const paths: Record<string, Record<string, Json>> = {};
  for (const operation of operations) {
    const at = (paths[operation.path] ??= {});
    at[operation.method] = writeOperation(operation);
  }
  return paths;
};

const writeOperation = (operation: Operation): Json => ({
  operationId: operation.id,
  tags: [operation.tag],
  summary: operation.summary,
  ...(operation.description && { description: operation.description }),
  security: operation.credential === "none" ? [] : [{ [operation.credential]: [] }],
  parameters: [...writePathParameters(operation), ...writeQuery(operation), ...writeHeaders(operation)],
  ...(operation.body && {
    requestBody: {
      required: true,
      content: { "application/json": { schema: refTo(bodyName(operation)), example: operation.body.example } },
    },
  }),
  responses: { ...writeSuccess(operation), ...writeFailures(operation) },
});

const refTo = (name: string) => ({ $ref: `#/components/schemas/${name}` });

const bodyName = ({ id }: Operation): string => `${id.charAt(0).toUpperCase()}${id.slice(1)}Body`;

const writePathParameters = ({ path }: Operation): readonly Json[] =>
  [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string", minLength: 1 },
  }));

const writeQuery = ({ query }: Operation): readonly Json[] =>
  Object.entries(query?.shape ?? {}).map(([name, schema]) => {
    const written = toSchema(schema, "input");
    return { name: written["type"] === "array" ? `${name}[]` : name, in: "query", required: false, schema: written };
  });

const writeHeaders = ({ streams }: Operation): readonly Json[] =>
  streams
    ? [
        {
          name: "x-shoal-preference",
          in: "header",
          required: false,
          description: "`quality`, `balanced`, `economy`, or limits",
          schema: { type: "string" },
          example: "balanced",
        },
        {
          name: "x-shoal-rounds",
          in: "header",
          required: false,
          description: "`1`: at preference `quality` no second workflow revises the answer of the first",
          schema: { type: "string", enum: ["1", "2"] },
          example: "1",
        },
        {
          name: "x-shoal-progress",
          in: "header",
          required: false,
          description: "`true`: says as thoughts who works on the answer while a team does",
          schema: { type: "string" },
          example: "true",
        },
        {
          name: "x-shoal-cache",
          in: "header",
          required: false,
          description: "Seconds: how old an answer to the same request may be that is given instead of a new one",
          schema: { type: "integer", minimum: 1, maximum: 604_800 },
          example: 600,
        },
        {
          name: "cache-control",
          in: "header",
          required: false,
          description: "`no-cache`, `no-store`, `max-age`, `min-fresh`, `only-if-cached`, as RFC 9111 has them",
          schema: { type: "string" },
          example: "no-cache",
        },
      ]
    : [];

const requestId = { "x-request-id": { $ref: "#/components/headers/requestId" } };
const fromCache = {
  "x-cache": {
    description: "Where a cache is wanted: whether the answer came from it, or it was passed by",
    schema: { type: "string", enum: ["HIT", "MISS", "BYPASS"] },
  },
  age: { description: "Of an answer from the cache, in seconds", schema: { type: "integer", minimum: 0 } },
};

const writeSuccess = ({ status, answer, streams, lines, page, also }: Operation): Json => ({
  [status]: {
    description: answer || page ? "Done" : "Done; nothing comes back",
    ...(page && { content: { "text/html": { schema: { type: "string" } } } }),
    ...(answer && {
      headers: { ...requestId, ...(streams && fromCache) },
      content: {
        [lines ? "application/x-ndjson" : "application/json"]: { schema: refTo(answer.name) },
        ...(streams && { "text/event-stream": { schema: { type: "string" } } }),
        ...(also && { [also]: { schema: { type: "string" } } }),
      },
    }),
  },
});

const reasons: Readonly<Record<number, string>> = {
  400: "Something in the request is wrong or not supported; the error names the field",
  401: "No key, or not a valid one",
  402: "The budget is spent: the message names the limit, and whose it is",
  403: "The key may not do this",
  404: "There is nothing of that name",
  410: "The model was retired; the error names its successor",
  413: "The body is too large",
  421: "The key belongs to another region; the error names its host",
  429: "Too many requests or tokens: the message names the limit, and whose it is",
  500: "A bug",
  502: "A vendor failed",
  503: "Not now: no worker, or too much to do",
  504: "A vendor took too long, or no answer is cached where only that was wanted",
  529: "Not now: too much to do",
};

const failuresOf = ({ credential, body, query, failures }: Operation): readonly number[] =>
  [
    ...(body || query ? [400] : []),
    ...(credential === "none" ? [] : [401]),
    ...(credential === "key" ? [402, 403, 421] : []),
    ...(credential === "admin" ? [429] : []),
    ...(failures ?? []),
    500,
  ].toSorted((a, b) => a - b);

const writeFailures = (operation: Operation): Json => {
  const schema = refTo(operation.errors === "messages" ? "MessagesError" : "Error");
  return Object.fromEntries(
    failuresOf(operation).map((status) => [
      status,
      {
        description: reasons[status] ?? "",
        headers: {
          ...requestId,
          ...([402, 429, 503, 529].includes(status) && { "retry-after": { $ref: "#/components/headers/retryAfter" } }),
        },
        content: { "application/json": { schema } },
      },
    ]),
  );
};

const writeSchemas = (): Json => ({
  Error: toSchema(error, "output"),
  MessagesError: toSchema(messagesError, "output"),
  ...Object.fromEntries(
    operations.flatMap((operation) => [
      ...(operation.body ? [[bodyName(operation), toSchema(operation.body.schema, "input")] as const] : []),
      ...(operation.answer ? [[operation.answer.name, toSchema(operation.answer.schema, "output")] as const] : []),
    ]),
  ),
});

let written: Json | undefined;

/** `GET /openapi.json`: the document, written at the first call. */
export const readDocument = (): Json => (written ??= writeDocument());

/** Every component is a document's part, which says for all of them which JSON Schema it is. */
const toSchema = (schema: z.ZodType, io: "input" | "output"): Json => {
  const { $schema: _, "~standard": __, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return rest;
};
