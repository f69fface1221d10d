import * as z from "zod";
import type { ShoalError } from "../../shared/errors.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { turnOfResponse } from "../conversation/response-id.ts";
import type { KeptTurns } from "../conversation/kept-turns.ts";
import type { Echo, KeptTurn } from "../formats/format.ts";
import { toRequestError } from "../formats/request-error.ts";
import { writeWhole } from "../formats/responses-answer.ts";
import { includable } from "../formats/responses-schema.ts";
import { splitItems, writeItem } from "../formats/responses-items.ts";

type Asked = { readonly id: string; readonly query: URLSearchParams };
type Answered = Promise<Result<object, ShoalError>>;

const include = z.array(includable).optional();

export const readQuery = z.strictObject({
  include,
  include_obfuscation: z.enum(["true", "false"]).optional(),
  stream: z.literal("false", "a stored response is not streamed again").optional(),
});

/** `GET /v1/responses/{id}`: a stored response as it was answered. */
export const readResponse = async (turns: KeptTurns, { id, query }: Asked): Answered => {
  const asked = parseQuery(readQuery, query);
  if (!asked.ok) return asked;
  const turn = await find(turns, id);
  if (!turn.ok) return turn;
  const { head } = turn.value;
  const proofs = asked.value.include?.includes("reasoning.encrypted_content") ?? false;
  const echo: Echo = { summaries: false, fields: {}, ...head.echo, proofs };
  return ok(writeWhole({ ...head, echo }, turn.value));
};

/** `DELETE /v1/responses/{id}`. What continues from it cannot be continued any more. */
export const deleteResponse = async (turns: KeptTurns, id: string): Answered => {
  const turn = turnOfResponse(id);
  const removed = turn !== null && (await turns.remove(turn));
  return removed ? ok({ id, object: "response", deleted: true }) : err(notFound(id));
};

export const listQuery = z.strictObject({
  include,
  limit: z.coerce.number().int().min(1).max(100).default(20),
  order: z.enum(["asc", "desc"]).default("desc"),
  after: z.string().optional(),
});

/** `GET /v1/responses/{id}/input_items`: what the request of a stored response added to the conversation. */
export const listInputItems = async (turns: KeptTurns, { id, query }: Asked): Answered => {
  const asked = parseQuery(listQuery, query);
  if (!asked.ok) return asked;
  const turn = await find(turns, id);
  if (!turn.ok) return turn;
  const { limit, order, after } = asked.value;
  const proofs = asked.value.include?.includes("reasoning.encrypted_content") ?? false;
  const items = writeInput(turn.value, proofs);
  if (order === "desc") items.reverse();
  const begin = after === undefined ? 0 : items.findIndex((item) => item.id === after) + 1;
  if (after !== undefined && begin === 0) {
    return err({ kind: "invalid_request", param: "after", message: `there is no item with the id '${after}'` });
  }
  const data = items.slice(begin, begin + limit);
  return ok({
    object: "list",
    data,
    first_id: data[0]?.id ?? "",
    last_id: data.at(-1)?.id ?? "",
    has_more: begin + limit < items.length,
  });
};

const writeInput = ({ id, messages, head }: KeptTurn, proofs: boolean) =>
  splitItems(messages).map((item, index) =>
    writeItem(item, { turn: id, input: true, index }, "completed", { ...head.echo, summaries: true, proofs }),
  );

const find = async (turns: KeptTurns, id: string): Promise<Result<KeptTurn, ShoalError>> => {
  const name = turnOfResponse(id);
  const turn = name === null ? null : await turns.read(name);
  return turn === null || turn.head.id !== id ? err(notFound(id)) : ok(turn);
};

const notFound = (id: string): ShoalError => ({
  kind: "not_found",
  message: `response with id '${id.slice(0, 100)}' not found: it was not stored, was deleted, or has expired`,
});

/** Lists come as `name[]`, once for each entry. */
const parseQuery = <Schema extends z.ZodType>(
  schema: Schema,
  query: URLSearchParams,
): Result<z.output<Schema>, ShoalError> => {
  const fields: Record<string, unknown> = {};
  for (const name of new Set(query.keys())) {
    const list = name === "include" || name.endsWith("[]");
    fields[name.replace(/\[\]$/, "")] = list ? query.getAll(name) : query.get(name);
  }
  const parsed = schema.safeParse(fields);
  return parsed.success ? ok(parsed.data) : err(toRequestError(parsed.error, fields));
};
