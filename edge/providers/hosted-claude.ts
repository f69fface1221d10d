import { fieldsOf, isFields, listOf, type Fields } from "./narrow.ts";

/**
 * The body of Messages as clouds take it: they have no automatic prompt caching, which a mark on the last block stands
 * in for. https://platform.claude.com/docs/en/build-with-claude/prompt-caching
 */
export const withoutAutomaticCaching = (body: Fields): Fields => {
  const { cache_control: mark, ...rest } = body;
  if (!isFields(mark)) return body;
  const messages = listOf(body["messages"]).map(fieldsOf);
  const last = messages.at(-1);
  return last ? { ...rest, messages: [...messages.slice(0, -1), withMark(last, mark)] } : rest;
};

const withMark = (turn: Fields, mark: Fields): Fields => {
  const blocks = listOf(turn["content"]).map(fieldsOf);
  const last = blocks.at(-1);
  return last ? { ...turn, content: [...blocks.slice(0, -1), { ...last, cache_control: mark }] } : turn;
};
