import type * as z from "zod";
import { bodySchema as chatBody } from "../formats/chat-completions-schema.ts";
import { bodySchema as messagesBody, countSchema } from "../formats/messages-schema.ts";
import { bodySchema as responsesBody } from "../formats/responses-schema.ts";
import { auditQuery } from "../routes/admin/audit-log.ts";
import { keyPatch, newKey, rotation } from "../routes/admin/keys.ts";
import { ledgerQuery } from "../routes/admin/ledger.ts";
import { pageQuery } from "../routes/admin/page.ts";
import { newTenant, tenantPatch } from "../routes/admin/tenants.ts";
import { answerSchema as embeddings, bodySchema as embeddingsBody, embeddingModel } from "../routes/embeddings.ts";
import { listQuery, readQuery } from "../routes/stored-responses.ts";
import { usageQuery } from "../routes/usage.ts";
import * as answers from "./answers.ts";

export type Body = { readonly schema: z.ZodType; readonly example: unknown };

/** One thing that can be done: all that the reference says of it. */
export type Operation = {
  readonly method: "get" | "post" | "put" | "patch" | "delete";
  /** As OpenAPI writes it: `/v1/models/{id}`. */
  readonly path: string;
  readonly id: string;
  readonly tag: "answers" | "models" | "plans" | "operator" | "service";
  readonly summary: string;
  readonly description?: string;
  readonly credential: "key" | "admin" | "none";
  readonly query?: z.ZodObject;
  readonly body?: Body;
  readonly status: number;
  /** Absent where nothing comes back. */
  readonly answer?: { readonly name: string; readonly schema: z.ZodType };
  /** The answer is a page for people. */
  readonly page?: true;
  /** The answer may also be a table. */
  readonly csv?: true;
  /** With `stream: true` the answer comes as events. */
  readonly streams?: true;
  /** Statuses beside those that every operation of its kind can have. */
  readonly failures?: readonly number[];
  /** The format of errors where it is not that of Chat Completions. */
  readonly errors?: "messages";
};

const hello = [{ role: "user", content: "Why do fish swim in shoals?" }];

/** What may fail where a worker is asked. */
const asking = [402, 404, 410, 413, 429, 502, 503, 504] as const;

export const operations: readonly Operation[] = [
  {
    method: "post",
    path: "/v1/chat/completions",
    id: "createChatCompletion",
    tag: "answers",
    summary: "Answer a conversation",
    description:
      "OpenAI's Chat Completions. A parameter narrows the pool to the workers that honor it; when none is left it is refused by name.",
    credential: "key",
    body: { schema: chatBody, example: { model: "shoal-mini", messages: hello } },
    status: 200,
    answer: { name: "ChatCompletion", schema: answers.chatCompletion },
    streams: true,
    failures: asking,
  },
  {
    method: "post",
    path: "/v1/responses",
    id: "createResponse",
    tag: "answers",
    summary: "Answer a list of items",
    description: "OpenAI's Responses. Kept for thirty days unless `store` is false.",
    credential: "key",
    body: { schema: responsesBody, example: { model: "shoal-mini", input: "Why do fish swim in shoals?" } },
    status: 200,
    answer: { name: "Response", schema: answers.response },
    streams: true,
    failures: asking,
  },
  {
    method: "get",
    path: "/v1/responses/{id}",
    id: "readResponse",
    tag: "answers",
    summary: "Read a kept response",
    credential: "key",
    query: readQuery,
    status: 200,
    answer: { name: "Response", schema: answers.response },
    failures: [404],
  },
  {
    method: "delete",
    path: "/v1/responses/{id}",
    id: "deleteResponse",
    tag: "answers",
    summary: "Delete a kept response",
    credential: "key",
    status: 200,
    answer: { name: "DeletedResponse", schema: answers.deletedResponse },
    failures: [404],
  },
  {
    method: "get",
    path: "/v1/responses/{id}/input_items",
    id: "listInputItems",
    tag: "answers",
    summary: "List the items that a kept response answered",
    credential: "key",
    query: listQuery,
    status: 200,
    answer: { name: "InputItems", schema: answers.inputItems },
    failures: [404],
  },
  {
    method: "post",
    path: "/v1/messages",
    id: "createMessage",
    tag: "answers",
    summary: "Answer messages of blocks",
    description: "Anthropic's Messages. The key may also be sent as `x-api-key`.",
    credential: "key",
    body: { schema: messagesBody, example: { model: "shoal-mini", max_tokens: 1024, messages: hello } },
    status: 200,
    answer: { name: "Message", schema: answers.message },
    streams: true,
    failures: [...asking, 529],
    errors: "messages",
  },
  {
    method: "post",
    path: "/v1/messages/count_tokens",
    id: "countTokens",
    tag: "answers",
    summary: "Estimate the tokens of messages",
    credential: "key",
    body: { schema: countSchema, example: { model: "shoal-mini", messages: hello } },
    status: 200,
    answer: { name: "TokenCount", schema: answers.tokenCount },
    failures: [404, 410, 413],
    errors: "messages",
  },
  {
    method: "post",
    path: "/v1/embeddings",
    id: "createEmbeddings",
    tag: "answers",
    summary: "Embed texts",
    description:
      "Vectors of length 1 from the encoder by which the conductor reads prompts. A text that does not fit it is refused, never cut. Costs nothing.",
    credential: "key",
    body: { schema: embeddingsBody, example: { model: embeddingModel, input: ["a shoal of fish"] } },
    status: 200,
    answer: { name: "Embeddings", schema: embeddings },
    failures: [404, 413, 503],
  },
  {
    method: "get",
    path: "/v1/models",
    id: "listModels",
    tag: "models",
    summary: "List the models that the key may name",
    description: "The tiers, every worker and the encoder. Clients that send `anthropic-version` get Anthropic's list.",
    credential: "key",
    status: 200,
    answer: { name: "Models", schema: answers.models },
  },
  {
    method: "get",
    path: "/v1/models/{id}",
    id: "readModel",
    tag: "models",
    summary: "Read one model",
    description: "Ids of workers have a slash, which may be sent as it is or encoded.",
    credential: "key",
    status: 200,
    answer: { name: "Model", schema: answers.model },
    failures: [404, 410],
  },
  {
    method: "post",
    path: "/v1/plan",
    id: "previewPlan",
    tag: "plans",
    summary: "See who would work on a conversation, and the most it could cost",
    description: "The body of a chat completion. No worker is asked.",
    credential: "key",
    body: { schema: chatBody, example: { model: "shoal-ultra", messages: hello } },
    status: 200,
    answer: { name: "Plan", schema: answers.plan },
    failures: [402, 404, 410, 413, 503],
  },
  {
    method: "get",
    path: "/v1/traces/{id}",
    id: "readTrace",
    tag: "plans",
    summary: "Read how a request was answered",
    description: "`id` is the answer's `x-request-id`. A trace holds no word of prompt or answer.",
    credential: "key",
    status: 200,
    answer: { name: "Trace", schema: answers.trace },
    failures: [404],
  },
  {
    method: "get",
    path: "/v1/usage",
    id: "readUsage",
    tag: "plans",
    summary: "Read what the key's tenant has used",
    description: "Sums by day, key, model or worker, as JSON or, with `accept: text/csv`, as a table.",
    credential: "key",
    query: usageQuery,
    status: 200,
    answer: { name: "Usage", schema: answers.tenantUsage },
    csv: true,
  },
  {
    method: "get",
    path: "/admin/tenants",
    id: "listTenants",
    tag: "operator",
    summary: "List tenants",
    credential: "admin",
    query: pageQuery,
    status: 200,
    answer: { name: "Tenants", schema: answers.tenants },
  },
  {
    method: "post",
    path: "/admin/tenants",
    id: "createTenant",
    tag: "operator",
    summary: "Create a tenant",
    credential: "admin",
    body: { schema: newTenant, example: { id: "acme", name: "Acme", limits: { usd_per_month: 100 } } },
    status: 201,
    answer: { name: "Tenant", schema: answers.tenant },
    failures: [413],
  },
  {
    method: "get",
    path: "/admin/tenants/{tenant}",
    id: "readTenant",
    tag: "operator",
    summary: "Read a tenant, its policy and what it has spent",
    credential: "admin",
    status: 200,
    answer: { name: "Tenant", schema: answers.tenant },
    failures: [404],
  },
  {
    method: "patch",
    path: "/admin/tenants/{tenant}",
    id: "changeTenant",
    tag: "operator",
    summary: "Change a tenant",
    description: "Fields that are null are deleted. `status: inactive` refuses its keys within ten seconds.",
    credential: "admin",
    body: { schema: tenantPatch, example: { limits: { usd_per_month: 200, usd_per_day: null }, baseline: null } },
    status: 200,
    answer: { name: "Tenant", schema: answers.tenant },
    failures: [404, 413],
  },
  {
    method: "post",
    path: "/admin/tenants/{tenant}/keys",
    id: "createKey",
    tag: "operator",
    summary: "Create a key",
    credential: "admin",
    body: { schema: newKey, example: { name: "backend" } },
    status: 201,
    answer: { name: "NewKey", schema: answers.newKey },
    failures: [404, 413],
  },
  {
    method: "get",
    path: "/admin/tenants/{tenant}/keys",
    id: "listKeys",
    tag: "operator",
    summary: "List a tenant's keys",
    credential: "admin",
    query: pageQuery,
    status: 200,
    answer: { name: "Keys", schema: answers.keys },
    failures: [404],
  },
  {
    method: "get",
    path: "/admin/tenants/{tenant}/keys/{key}",
    id: "readKey",
    tag: "operator",
    summary: "Read what a key may do",
    credential: "admin",
    status: 200,
    answer: { name: "Key", schema: answers.key },
    failures: [404],
  },
  {
    method: "patch",
    path: "/admin/tenants/{tenant}/keys/{key}",
    id: "changeKey",
    tag: "operator",
    summary: "Change what a key may do",
    description: "Fields that are null are deleted.",
    credential: "admin",
    body: { schema: keyPatch, example: { expires_at: null, allowed_models: ["shoal-mini"] } },
    status: 200,
    answer: { name: "Key", schema: answers.key },
    failures: [404, 413],
  },
  {
    method: "post",
    path: "/admin/tenants/{tenant}/keys/{key}/rotate",
    id: "rotateKey",
    tag: "operator",
    summary: "Replace a key by a new one that may do the same",
    description: "The old key goes on working for `overlap_seconds`.",
    credential: "admin",
    body: { schema: rotation, example: { overlap_seconds: 3600 } },
    status: 201,
    answer: { name: "NewKey", schema: answers.newKey },
    failures: [404, 413],
  },
  {
    method: "delete",
    path: "/admin/tenants/{tenant}/keys/{key}",
    id: "revokeKey",
    tag: "operator",
    summary: "Revoke a key",
    credential: "admin",
    status: 204,
    failures: [404],
  },
  {
    method: "get",
    path: "/admin/tenants/{tenant}/usage",
    id: "readTenantUsage",
    tag: "operator",
    summary: "Read what a tenant has used",
    description: "Sums by day, key, model or worker, as JSON or, with `accept: text/csv`, as a table.",
    credential: "admin",
    query: usageQuery,
    status: 200,
    answer: { name: "Usage", schema: answers.tenantUsage },
    csv: true,
    failures: [404],
  },
  {
    method: "get",
    path: "/admin/tenants/{tenant}/ledger",
    id: "readLedger",
    tag: "operator",
    summary: "Read a tenant's requests, with every call and its cost",
    credential: "admin",
    query: ledgerQuery,
    status: 200,
    answer: { name: "Ledger", schema: answers.ledger },
    csv: true,
    failures: [404],
  },
  {
    method: "get",
    path: "/admin/audit",
    id: "readAudit",
    tag: "operator",
    summary: "Read what was done with the operator's credentials",
    description: "From the newest on. Names of fields, never their values.",
    credential: "admin",
    query: auditQuery,
    status: 200,
    answer: { name: "Audit", schema: answers.audit },
  },
  {
    method: "get",
    path: "/admin/workers",
    id: "listWorkers",
    tag: "operator",
    summary: "List workers, and what the others wait for",
    credential: "admin",
    status: 200,
    answer: { name: "Workers", schema: answers.workers },
  },
  {
    method: "get",
    path: "/healthz",
    id: "readHealth",
    tag: "service",
    summary: "Whether the edge is up",
    credential: "none",
    status: 200,
    answer: { name: "Health", schema: answers.health },
  },
  {
    method: "get",
    path: "/openapi.json",
    id: "readReference",
    tag: "service",
    summary: "This reference as OpenAPI",
    credential: "none",
    status: 200,
    answer: { name: "Reference", schema: answers.reference },
  },
  {
    method: "get",
    path: "/docs",
    id: "showReference",
    tag: "service",
    summary: "This reference as a page",
    credential: "none",
    status: 200,
    page: true,
  },
];
