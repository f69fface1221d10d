import type { ChatRequest, ReasoningEffort } from "../../shared/chat.ts";
import type { ShoalError } from "../../shared/errors.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { CountBody } from "./messages-schema.ts";

/**
 * Budgets of thinking as efforts, which is what workers take: from each number of tokens on, the effort beside it. No
 * budget stands for more than `high`, the highest that every reasoning worker has; `output_config.effort` says more.
 */
const effortFrom = [
  { tokens: 16_384, effort: "high" },
  { tokens: 4_096, effort: "medium" },
  { tokens: 0, effort: "low" },
] as const;

/** Anthropic's own default where thinking is adaptive. https://platform.claude.com/docs/en/build-with-claude/effort */
const adaptiveEffort = "high";

/** The effort asked for; undefined: the worker's own. An explicit effort goes before a budget. */
export const readEffort = ({
  thinking,
  output_config: output,
}: CountBody): Result<ReasoningEffort | undefined, ShoalError> => {
  const effort = output?.effort ?? undefined;
  if (thinking?.type === "disabled") {
    return effort === undefined
      ? ok("none")
      : err({
          kind: "invalid_request",
          param: "output_config.effort",
          message: "'output_config.effort': workers have one setting for both: leave out thinking or effort",
        });
  }
  if (effort !== undefined || !thinking) return ok(effort);
  return ok(thinking.type === "adaptive" ? adaptiveEffort : effortOf(thinking.budget_tokens));
};

const effortOf = (budget: number): ReasoningEffort =>
  effortFrom.find(({ tokens }) => budget >= tokens)?.effort ?? "low";

const asksFor = ({ thinking }: CountBody): boolean => thinking?.type === "enabled" || thinking?.type === "adaptive";

/** What to ask of a vendor that keeps thoughts to itself. */
export const readWantedThoughts = (body: CountBody): Pick<ChatRequest, "thoughts"> => {
  const { summaries, proofs } = readShownThoughts(body);
  if (!proofs) return {};
  return { thoughts: asksFor(body) && summaries ? { summary: "auto" } : {} };
};

/** What an answer shows of thoughts: their words, and the signatures by which they can come back. */
export type ShownThoughts = { readonly summaries: boolean; readonly proofs: boolean };

/**
 * Thoughts are shown to who asks for thinking, and to who offers tools: between calls the vendor wants them back. Any
 * other client finds its answer in the first block.
 */
export const readShownThoughts = (body: CountBody): ShownThoughts => {
  const { thinking, tools } = body;
  if (asksFor(body)) return { summaries: displayOf(thinking) !== "omitted", proofs: true };
  const between = thinking?.type !== "disabled" && (tools?.length ?? 0) > 0;
  return { summaries: between, proofs: between };
};

const displayOf = (thinking: CountBody["thinking"]) => (thinking && "display" in thinking ? thinking.display : null);
