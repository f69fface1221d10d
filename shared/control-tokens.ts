/**
 * What hosts read as control tokens wherever they stand: turns, system prompts and tool calls of common chat templates.
 * A text that was written with them would pose as another's turn.
 */
const controlToken =
  /<(?=[|｜][^<>\n]{1,64}[|｜]>)|<(?=\/?(?:start_of_turn|end_of_turn|tool_call|tool_calls|tool_response|tools)>)|<(?=<\/?SYS>>)|\[(?=\/?(?:INST|SYSTEM_PROMPT|TOOL_CALLS|TOOL_RESULTS|AVAILABLE_TOOLS|TOOL_CONTENT)\])/g;

/** A text with a space in each of them: quoted to a model, it cannot pose as another's turn. */
export const withoutControlTokens = (text: string): string => text.replaceAll(controlToken, "$& ");
