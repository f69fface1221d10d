import type { ShoalError } from "../../shared/errors.ts";
import type { Body, CountBody, WireMessage } from "./messages-schema.ts";

const maxCacheMarks = 4;

const invalid = (param: string, message: string): ShoalError => ({
  kind: "invalid_request",
  param,
  message: `'${param}': ${message}`,
});

/** What a schema cannot say: the first rule between fields or messages that the request breaks. */
export const findMistake = (body: CountBody | Body): ShoalError | null =>
  findWrongTurn(body.messages) ?? findWrongResult(body.messages) ?? findWrongChoice(body) ?? findWrongSetting(body);

const findWrongTurn = (messages: readonly WireMessage[]): ShoalError | null => {
  const turns = messages.filter(({ role }) => role !== "system");
  if (turns[0]?.role !== "user") return invalid("messages[0].role", "the first message must be the user's");
  return turns.at(-1)?.role === "user"
    ? null
    : invalid(
        `messages[${messages.length - 1}].role`,
        "the last message must be the user's: an answer is not continued",
      );
};

/** Every call is answered in the user's next turn, and nothing else is; results come before all else in it. */
const findWrongResult = (messages: readonly WireMessage[]): ShoalError | null => {
  let open = new Set<string>();
  let others = false;
  for (const [index, message] of messages.entries()) {
    if (message.role === "system") continue;
    const blocks = typeof message.content === "string" ? [] : message.content;
    if (message.role === "assistant") {
      if (open.size > 0) return unanswered(open, index);
      open = new Set(blocks.flatMap((block) => (block.type === "tool_use" ? [block.id] : [])));
      others = false;
      continue;
    }
    if (typeof message.content === "string") others = true;
    for (const [place, block] of blocks.entries()) {
      const param = `messages[${index}].content[${place}]`;
      if (block.type !== "tool_result") others = true;
      else if (others) return invalid(param, "tool_result blocks come before all others of a turn");
      else if (!open.delete(block.tool_use_id)) {
        const why = `no tool_use block of the turn before has the id '${block.tool_use_id}'`;
        return invalid(`${param}.tool_use_id`, why);
      }
    }
  }
  return open.size > 0 ? unanswered(open, messages.length - 1) : null;
};

const unanswered = (ids: ReadonlySet<string>, index: number): ShoalError =>
  invalid(`messages[${index}]`, `the tool_use '${[...ids][0]}' has no tool_result in the turn after it`);

const findWrongChoice = ({ tools, tool_choice: choice }: CountBody): ShoalError | null => {
  if (!choice || choice.type === "auto" || choice.type === "none") return null;
  if (!tools?.length) return invalid("tool_choice", "needs tools");
  return choice.type === "any" || tools.some((tool) => tool.name === choice.name)
    ? null
    : invalid("tool_choice.name", `'${choice.name}' is not among the tools`);
};

const findWrongSetting = (body: CountBody | Body): ShoalError | null => {
  const { thinking, output_config: output, output_format: format } = body;
  if (thinking?.type === "enabled" && "max_tokens" in body && thinking.budget_tokens >= body.max_tokens) {
    return invalid("thinking.budget_tokens", "must be less than max_tokens");
  }
  if (format && output?.format) return invalid("output_format", "is given as output_config.format already");
  return countMarks(body) > maxCacheMarks
    ? invalid("cache_control", `at most ${maxCacheMarks} blocks may have it`)
    : null;
};

/** Wherever in the request they stand. */
const countMarks = ({ messages, system, tools, cache_control: whole }: CountBody): number => {
  const blocks: readonly object[] = [
    ...(typeof system === "string" ? [] : (system ?? [])),
    ...(tools ?? []),
    ...messages.flatMap(({ content }) => (typeof content === "string" ? [] : [...content])),
  ];
  return blocks.filter((block) => "cache_control" in block && block.cache_control).length + (whole ? 1 : 0);
};
