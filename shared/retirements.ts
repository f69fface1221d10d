/** A model that its vendor has shut down, or will: the day (UTC) from which it is gone, and what the vendor says to use. */
export type Retirement = {
  readonly id: string;
  readonly on: string;
  /** A worker's id. */
  readonly successor: string;
  readonly source: string;
};

/** Its entry of 2026-06-15. */
const claude4 = "https://platform.claude.com/docs/en/release-notes/overview";

/** Its list of 2026-04-22. */
const openai = "https://platform.openai.com/docs/deprecations";

/** Announced retirements whose successor is a worker that is known. */
export const retirements: readonly Retirement[] = [
  { id: "anthropic/claude-sonnet-4", on: "2026-06-15", successor: "anthropic/claude-sonnet-4-6", source: claude4 },
  { id: "openai/gpt-5-codex", on: "2026-07-23", successor: "openai/gpt-5.4", source: openai },
  { id: "openai/gpt-5.1-codex-max", on: "2026-07-23", successor: "openai/gpt-5.4", source: openai },
  { id: "openai/gpt-5.2-codex", on: "2026-07-23", successor: "openai/gpt-5.4", source: openai },
];

/** The retirement of a worker that has taken place at `now`, in milliseconds since the epoch; null while it is served. */
export const retirementOf = (id: string, now: number, list: readonly Retirement[] = retirements): Retirement | null =>
  list.find((retirement) => retirement.id === id && Date.parse(retirement.on) <= now) ?? null;
