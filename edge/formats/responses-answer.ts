import type { WireError } from "../../shared/errors.ts";
import type { Answer, EndReason } from "../../shared/events.ts";
import { toDollars } from "../../shared/pricing.ts";
import { turnOfResponse } from "../conversation/response-id.ts";
import type { AnswerHead, Bill } from "./format.ts";
import { splitItems, writeItem, type ItemStatus, type Shown } from "./responses-items.ts";

const hidden: Shown = { summaries: false, proofs: false };

export const shownOf = ({ echo }: Pick<AnswerHead, "echo">): Shown => echo ?? hidden;

/** OpenAI's usage. Orchestration tokens are in no other figure but the total, as Fugu reports them; `cost` is in dollars. */
const toUsage = ({ usage: { answer, orchestration }, cost }: Bill) => ({
  input_tokens: answer.inputTokens,
  input_tokens_details: {
    cached_tokens: answer.cachedInputTokens,
    cache_write_tokens: answer.cacheWriteTokens,
    orchestration_input_tokens: orchestration.inputTokens,
    orchestration_input_cached_tokens: orchestration.cachedInputTokens,
  },
  output_tokens: answer.outputTokens,
  output_tokens_details: {
    reasoning_tokens: answer.reasoningTokens,
    orchestration_output_tokens: orchestration.outputTokens,
  },
  total_tokens: answer.inputTokens + answer.outputTokens + orchestration.inputTokens + orchestration.outputTokens,
  cost: cost === null ? null : toDollars(cost),
});

/** How far an answer has come. */
export type State = {
  readonly status: "in_progress" | "completed" | "incomplete" | "failed";
  readonly output: readonly object[];
  readonly cut?: "max_output_tokens" | "content_filter";
  readonly bill?: Bill;
  readonly error?: WireError;
  /** Seconds since the epoch. */
  readonly endedAt?: number;
};

/** The response object. https://developers.openai.com/api/reference/resources/responses */
export const writeResource = (head: Omit<AnswerHead, "now">, state: State) => ({
  id: head.id,
  object: "response",
  created_at: head.created,
  completed_at: state.status === "completed" ? (state.endedAt ?? head.created) : null,
  status: state.status,
  incomplete_details: state.cut ? { reason: state.cut } : null,
  error: state.error ? { code: failureCode(state.error), message: state.error.message } : null,
  model: head.model,
  output: state.output,
  usage: state.bill ? toUsage(state.bill) : null,
  ...head.echo?.fields,
  ...(state.bill?.report && { shoal: state.bill.report }),
});

/** Codes that clients act on keep their name; OpenAI's list has few. */
const failureCode = ({ status, code }: WireError): string => {
  if (code === "context_length_exceeded" || code === "insufficient_quota") return code;
  if (status === 429) return "rate_limit_exceeded";
  return status < 500 ? "invalid_prompt" : "server_error";
};

const cuts: Partial<Record<EndReason, State["cut"]>> = {
  length: "max_output_tokens",
  content_filter: "content_filter",
};

/** How an answer that ended for this reason stands. */
export const endState = (reason: EndReason | null): Pick<State, "status" | "cut"> => {
  const cut = reason === null ? undefined : cuts[reason];
  return cut ? { status: "incomplete", cut } : { status: "completed" };
};

/** An answer's last item is what was cut. */
export const itemStatus = (reason: EndReason | null, isLast: boolean): ItemStatus =>
  isLast && endState(reason).cut ? "incomplete" : "completed";

type Ended = { readonly answer: Answer; readonly bill: Bill; readonly endedAt: number };

/** A whole answer. */
export const writeWhole = (head: Omit<AnswerHead, "now">, { answer, bill, endedAt }: Ended) =>
  writeResource(head, { ...endState(answer.end), output: writeOutput(head, answer), bill, endedAt });

const writeOutput = (head: Omit<AnswerHead, "now">, answer: Answer): readonly object[] => {
  const items = splitItems([{ role: "assistant", content: answer.content }]);
  const turn = turnOfResponse(head.id) ?? "";
  // Where tokens are weighed a model does not think, so that its text is one part.
  const shown = { ...shownOf(head), ...(answer.logprobs && { logprobs: answer.logprobs }) };
  return items.map((item, index) =>
    writeItem(item, { turn, input: false, index }, itemStatus(answer.end, index === items.length - 1), shown),
  );
};

/** A whole answer that ends now. */
export const writeJson = (head: AnswerHead, answer: Answer, bill: Bill) =>
  writeWhole(head, { answer, bill, endedAt: head.now() });

/** Where the pool names a parameter of Chat Completions, this format's own. */
const params: Readonly<Record<string, string>> = {
  logprobs: "include",
  messages: "input",
  reasoning_effort: "reasoning.effort",
  response_format: "text.format",
  verbosity: "text.verbosity",
};

const rename = (error: WireError): WireError => {
  const param = error.param !== null && Object.hasOwn(params, error.param) ? params[error.param] : undefined;
  return param === undefined
    ? error
    : { ...error, param, message: error.message.replaceAll(`'${error.param}'`, `'${param}'`) };
};

/** https://platform.openai.com/docs/guides/error-codes */
export const writeError = (error: WireError) => {
  const { message, type, param, code } = rename(error);
  return { error: { message, type, param, code } };
};
