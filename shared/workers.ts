import type { ReasoningEffort } from "./chat.ts";
import type { Price } from "./pricing.ts";

/** What a request may ask of a worker. Named as the OpenAI parameter or content type that needs it. */
export const abilities = [
  "tools",
  "tool_choice",
  "parallel_tool_calls",
  "vision",
  "image_url",
  "file",
  "json_object",
  "json_schema",
  "temperature",
  "top_p",
  "top_k",
  "frequency_penalty",
  "presence_penalty",
  "seed",
  "stop",
  "logprobs",
  "verbosity",
] as const;
export type Ability = (typeof abilities)[number];

/** Everything Shoal knows of a model that can be asked. */
export type WorkerCard = {
  /** `<vendor>/<model>`: the id under which Shoal sells it, in `/v1/models`, plans, traces and the ledger. */
  readonly id: string;
  /** The provider that serves it directly; a key of the registry in `edge/providers/`. */
  readonly provider: string;
  /** The model's id at that provider. */
  readonly upstream: string;
  /** Its id at hosts that resell it, by provider name. */
  readonly resold: Readonly<Record<string, string>>;
  /** The name under which the conductor's weights know it, or that of the recorded relative whose strengths stand in. */
  readonly profile: string | null;
  /** `measured`: the weights were trained on this very model; `prior`: on a relative; `none`: on nothing like it. */
  readonly strengths: "measured" | "prior" | "none";
  readonly contextTokens: number;
  readonly maxOutputTokens: number;
  /**
   * The most input tokens that the vendor counts for one image, at whatever size and detail a client may ask for;
   * absent when unknown. Dollars are reserved for it.
   */
  readonly imageTokens?: number;
  /** Reasoning efforts it takes; empty when it has no such setting. */
  readonly efforts: readonly ReasoningEffort[];
  readonly abilities: readonly Ability[];
  /** The model takes `temperature` and `top_p` only without reasoning, which is its default. */
  readonly samplesOnlyWithoutReasoning?: boolean;
  /** Null when unknown: such a worker is refused to tenants with a budget. */
  readonly price: Price | null;
  /** Announced prices and the days (UTC, `2026-12-01`) from which they hold, earliest first. */
  readonly priceChanges?: readonly { readonly from: string; readonly price: Price }[];
  /** Where price and limits were read, and when; `note` says what of them is not the vendor's own word. */
  readonly source: { readonly url: string; readonly date: string; readonly note?: string };
};

/** The price that holds at `now`, in milliseconds since the epoch. */
export const priceAt = (card: WorkerCard, now: number): Price | null =>
  card.priceChanges?.findLast(({ from }) => Date.parse(from) <= now)?.price ?? card.price;

/** A worker in a request's pool: the card, the provider that will be called, and the effort asked of it. */
export type Worker = {
  readonly card: WorkerCard;
  readonly provider: string;
  readonly upstream: string;
  readonly reasoningEffort: ReasoningEffort | null;
};
