import type { ChatRequest, Message, OutputFormat, Sampling } from "../../shared/chat.ts";
import type { ShoalError } from "../../shared/errors.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { SentProof } from "../conversation/check-proofs.ts";
import { turnOfResponse } from "../conversation/response-id.ts";
import type { ClientRequest, Echo, KeptTurn, Recall } from "./format.ts";
import { toRequestError } from "./request-error.ts";
import { joinEntries, readInput, type Entry } from "./responses-input.ts";
import { bodySchema, type Body } from "./responses-schema.ts";
import { echoTools, findToolError, namespacesOf, readTools } from "./responses-tools.ts";

/** A body of Responses as a canonical request; the error names the field. */
export const readRequest = (body: unknown): Result<ClientRequest, ShoalError> => {
  const parsed = bodySchema.safeParse(body);
  if (!parsed.success) return err(toRequestError(parsed.error, body));
  const entries = readInput(parsed.data.input);
  if (!entries.ok) return entries;
  const mismatch = findToolError(parsed.data);
  if (mismatch) return err(mismatch);
  const recall = readRecall(parsed.data, entries.value);
  if (!recall.ok) return recall;
  return recall.value === null ? build(parsed.data, entries.value, noTurns) : ok(pending(parsed.data, recall.value));
};

type Turns = { readonly history: readonly KeptTurn[]; readonly all: readonly KeptTurn[] };
const noTurns: Turns = { history: [], all: [] };

const invalid = (message: string, param: string): ShoalError => ({ kind: "invalid_request", message, param });

/** A request whose earlier turns have not been read yet. */
const pending = (body: Body, recall: Recall): ClientRequest => ({
  chat: toChat(body, []),
  stream: body.stream ?? false,
  includeUsage: true,
  recall,
});

const readRecall = (body: Body, entries: readonly Entry[]): Result<Recall | null, ShoalError> => {
  const id = body.previous_response_id ?? null;
  const turn = id === null ? null : turnOfResponse(id);
  if (id !== null && turn === null) return err({ kind: "unknown_response", id });
  const others = [...new Set(entries.flatMap((entry) => ("place" in entry ? [entry.place.turn] : [])))];
  if (turn === null && others.length === 0) return ok(null);
  return ok({
    after: turn === null ? null : { turn, id: id ?? "" },
    others,
    join: (kept) =>
      kept.after === null
        ? err({ kind: "unknown_response", id: id ?? "" })
        : build(body, entries, { history: kept.after, all: [...kept.after, ...kept.others] }),
  });
};

/** The whole request. Instructions hold for this turn alone, so they stand before the history and are not kept. */
const build = (body: Body, entries: readonly Entry[], turns: Turns): Result<ClientRequest, ShoalError> => {
  const own = joinEntries(entries, turns.all);
  if (!own.ok) return own;
  const history = turns.history.flatMap(({ messages, answer }): readonly Message[] => [
    ...messages,
    { role: "assistant", content: answer.content },
  ]);
  const instructions: readonly Message[] = body.instructions ? [{ role: "system", text: body.instructions }] : [];
  const messages = [...instructions, ...history, ...own.value];
  const mismatch = findToolMismatch(messages);
  if (mismatch) return err(mismatch);
  return ok({
    chat: toChat(body, messages),
    stream: body.stream ?? false,
    includeUsage: true,
    echo: toEcho(body),
    proofs: entries.flatMap(proofsIn),
    ...(body.store !== false && { keep: { previous: turns.history.at(-1)?.id ?? null, messages: own.value } }),
  });
};

const proofsIn = (entry: Entry, index: number): readonly SentProof[] => {
  if (!("message" in entry) || entry.message.role !== "assistant") return [];
  const param = `input[${index}].encrypted_content`;
  return entry.message.content.flatMap((part) =>
    part.type === "reasoning" && part.signature !== undefined ? [{ sealed: part.signature, param }] : [],
  );
};

/** Every tool result answers a call before it, and every call that is followed by anything has its result. */
const findToolMismatch = (messages: readonly Message[]): ShoalError | null => {
  const open = new Set<string>();
  for (const message of messages) {
    if (message.role === "tool") {
      if (open.delete(message.toolCallId)) continue;
      return invalid(`no tool call found for the function call output with call_id '${message.toolCallId}'`, "input");
    }
    const [missing] = open;
    if (missing !== undefined) break;
    if (message.role === "assistant") {
      for (const part of message.content) if (part.type === "tool-call") open.add(part.id);
    }
  }
  const [missing] = open;
  return missing === undefined ? null : invalid(`no tool output found for the function call '${missing}'`, "input");
};

const toChat = (body: Body, messages: readonly Message[]): ChatRequest => {
  const user = body.user ?? body.safety_identifier;
  const summary = summaryOf(body);
  const verbosity = body.text?.verbosity ?? "medium";
  return {
    model: body.model,
    messages,
    ...readTools(body),
    output: readOutput(body.text?.format),
    sampling: readSampling(body),
    stop: [],
    metadata: body.metadata ?? {},
    ...(typeof body.parallel_tool_calls === "boolean" && { parallelToolCalls: body.parallel_tool_calls }),
    ...(body.reasoning?.effort && { reasoningEffort: body.reasoning.effort }),
    ...((summary || wantsProofs(body)) && { thoughts: summary ? { summary } : {} }),
    ...((body.top_logprobs || body.include?.includes("message.output_text.logprobs")) && {
      logprobs: { top: body.top_logprobs ?? 0 },
    }),
    ...(verbosity !== "medium" && { verbosity }),
    ...(body.max_output_tokens && { maxOutputTokens: body.max_output_tokens }),
    ...(user && { user }),
  };
};

const summaryOf = ({ reasoning }: Body) => reasoning?.summary ?? reasoning?.generate_summary ?? null;
const wantsProofs = ({ include }: Body) => include?.includes("reasoning.encrypted_content") ?? false;

type WireFormat = NonNullable<Body["text"]>["format"];

const readOutput = (format: WireFormat): OutputFormat => {
  if (!format || format.type !== "json_schema") return format ?? { type: "text" };
  const { type, name, schema, description, strict } = format;
  return {
    type,
    name,
    schema,
    ...(description && { description }),
    ...(typeof strict === "boolean" && { strict }),
  };
};

const readSampling = (body: Body): Sampling => ({
  ...(typeof body.temperature === "number" && { temperature: body.temperature }),
  ...(typeof body.top_p === "number" && { topP: body.top_p }),
  ...(typeof body.frequency_penalty === "number" && { frequencyPenalty: body.frequency_penalty }),
  ...(typeof body.presence_penalty === "number" && { presencePenalty: body.presence_penalty }),
});

const toEcho = (body: Body): Echo => {
  const summary = summaryOf(body);
  return {
    summaries: summary !== null,
    proofs: wantsProofs(body),
    namespaces: namespacesOf(body),
    fields: {
      background: false,
      frequency_penalty: body.frequency_penalty ?? 0,
      instructions: body.instructions ?? null,
      max_output_tokens: body.max_output_tokens ?? null,
      max_tool_calls: null,
      metadata: body.metadata ?? {},
      parallel_tool_calls: body.parallel_tool_calls ?? true,
      presence_penalty: body.presence_penalty ?? 0,
      previous_response_id: body.previous_response_id ?? null,
      prompt_cache_key: body.prompt_cache_key ?? null,
      reasoning: { effort: body.reasoning?.effort ?? null, summary },
      safety_identifier: body.safety_identifier ?? null,
      service_tier: "default",
      store: body.store ?? true,
      temperature: body.temperature ?? 1,
      text: { format: readOutput(body.text?.format), verbosity: body.text?.verbosity ?? "medium" },
      tool_choice: body.tool_choice ?? "auto",
      tools: echoTools(body.tools ?? []),
      top_logprobs: body.top_logprobs ?? 0,
      top_p: body.top_p ?? 1,
      truncation: "disabled",
      ...(body.user && { user: body.user }),
    },
  };
};
