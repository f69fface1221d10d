import type { ReasoningEffort } from "../../shared/chat.ts";
import type { WorkerCard } from "../../shared/workers.ts";

const supported = (is: boolean) => ({ supported: is });

const writeEfforts = (efforts: readonly ReasoningEffort[]) => ({
  ...supported(efforts.length > 0),
  ...Object.fromEntries(
    (["low", "medium", "high", "xhigh", "max"] as const).map((effort) => [effort, supported(efforts.includes(effort))]),
  ),
});

const writeCapabilities = (cards: readonly WorkerCard[]) => {
  const some = (met: (card: WorkerCard) => boolean) => supported(cards.some(met));
  const efforts = [...new Set(cards.flatMap((card) => card.efforts))];
  const thinks = some((card) => card.efforts.some((effort) => effort !== "none"));
  return {
    batch: supported(false),
    citations: supported(false),
    code_execution: supported(false),
    context_management: {
      ...supported(false),
      clear_thinking_20251015: null,
      clear_tool_uses_20250919: null,
      compact_20260112: null,
    },
    effort: writeEfforts(efforts),
    image_input: some((card) => card.abilities.includes("vision")),
    pdf_input: some((card) => card.abilities.includes("file")),
    server_tools: { ...supported(false), code_execution: supported(false), web_search: supported(false) },
    structured_outputs: some((card) => card.abilities.includes("json_schema")),
    thinking: {
      ...thinks,
      types: { adaptive: thinks, between_tools: supported(false), disabled: supported(true), enabled: thinks },
    },
  };
};

/** A name that can be asked for, and the workers that may answer to it. */
export type NamedModel = { readonly id: string; readonly cards: readonly WorkerCard[] };

/** `GET /v1/models/{id}` as Anthropic's clients read it. */
export const writeModel = ({ id, cards }: NamedModel) => ({
  type: "model",
  id,
  display_name: id,
  created_at: cards.length === 1 ? dateOf(cards[0]) : unknownDate,
  deprecated_at: null,
  retires_at: null,
  lifecycle: "active",
  line: null,
  max_input_tokens: cards.length === 0 ? null : Math.max(...cards.map((card) => card.contextTokens)),
  max_tokens: cards.length === 0 ? null : Math.max(...cards.map((card) => card.maxOutputTokens)),
  capabilities: writeCapabilities(cards),
});

/** The vendor's own value where the day is not known. */
const unknownDate = new Date(0).toISOString();

const dateOf = (card: WorkerCard | undefined): string => {
  const at = Date.parse(card?.source.date ?? "");
  return Number.isNaN(at) ? unknownDate : new Date(at).toISOString();
};

const largestPage = 1_000;

/**
 * `GET /v1/models` as Anthropic's clients read it: a page of `limit` entries after `after_id` or before `before_id`; all
 * there are without. https://platform.claude.com/docs/en/api/models-list
 */
export const writeModels = (models: readonly NamedModel[], query: URLSearchParams): object => {
  const asked = Number(query.get("limit") ?? largestPage);
  const limit = Number.isInteger(asked) && asked > 0 ? Math.min(asked, largestPage) : largestPage;
  const after = models.findIndex(({ id }) => id === query.get("after_id"));
  const before = models.findIndex(({ id }) => id === query.get("before_id"));
  const [from, to] = before > 0 ? [Math.max(0, before - limit), before] : [after + 1, after + 1 + limit];
  const page = models.slice(from, to);
  return {
    data: page.map(writeModel),
    first_id: page[0]?.id ?? null,
    last_id: page.at(-1)?.id ?? null,
    has_more: before > 0 ? from > 0 : to < models.length,
  };
};
