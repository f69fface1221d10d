import * as z from "zod";
import { err, ok, type Result } from "../../../shared/result.ts";
import type { WorkerCard } from "../../../shared/workers.ts";
import type { LedgerLine } from "./compare.ts";
import { parseText, type Parsed } from "./formats/text.ts";

const source = z.enum(["reported", "estimated", "unknown"]);

const billedTo = z.enum(["operator", "tenant"]);

const call = z.object({
  worker: z.string(),
  provider: z.string().nullable(),
  billed_to: billedTo,
  input_tokens: z.number(),
  output_tokens: z.number(),
  cost_usd: z.number().nullable(),
  usage_source: source,
});

const request = z.object({
  request_id: z.string(),
  at: z.string(),
  worker: z.string().nullable(),
  cost_usd: z.number(),
  usage_source: source,
  calls: z.array(call),
});
const requests = z.array(request);
export const ledgerPage = z.object({ data: requests, next: z.string().nullable() });

const count = z.string().min(1).transform(Number).pipe(z.number());
const callRow = z.object({
  at: z.string(),
  worker: z.string(),
  provider: z.string(),
  billed_to: billedTo,
  input_tokens: count,
  output_tokens: count,
  cost_usd: z.string().transform((text) => (text === "" ? null : Number(text))),
  usage_source: source,
});

/** Who serves a worker where the ledger does not say. */
export type ProviderOf = (worker: string) => string;

/** A worker's own provider by its card, else by its name. */
export const createProviderOf = (cards: readonly WorkerCard[]): ProviderOf => {
  const providers = new Map(cards.map(({ id, provider }) => [id, provider]));
  return (worker) => providers.get(worker) ?? worker.slice(0, worker.indexOf("/"));
};

/**
 * A ledger as `GET /admin/tenants/{id}/ledger` gives it: a page or a list of rows in JSON, rows as JSON lines, or the
 * table of calls in CSV (`rows=calls`), which leaves out requests that were lost.
 */
export const readLedger = (text: string, providerOf: ProviderOf): Result<readonly LedgerLine[], string> => {
  try {
    return ok(readLines(parseText(text), providerOf));
  } catch (error) {
    return err(error instanceof z.ZodError ? z.prettifyError(error) : String(error));
  }
};

const readLines = (parsed: Parsed, providerOf: ProviderOf): readonly LedgerLine[] => {
  if (parsed.kind === "table") return readTable(parsed.rows, providerOf);
  const rows = parsed.kind === "lines" ? requests.parse(parsed.values) : rowsOf(parsed.value);
  return rows.flatMap((row) => linesOf(row, providerOf));
};

/** A list, the one line of a file of lines, or a page. */
const rowsOf = (value: unknown): z.infer<typeof requests> => {
  const one = request.safeParse(value);
  if (one.success) return [one.data];
  return Array.isArray(value) ? requests.parse(value) : ledgerPage.parse(value).data;
};

const readTable = (
  rows: readonly Readonly<Record<string, string>>[],
  providerOf: ProviderOf,
): readonly LedgerLine[] => {
  if (rows[0] && !Object.hasOwn(rows[0], "provider")) {
    throw new SyntaxError("the table is of requests, which may be of several workers: export it with rows=calls");
  }
  return z
    .array(callRow)
    .parse(rows)
    .filter(isOperators)
    .map(({ at, worker, provider, input_tokens: input, output_tokens: output, cost_usd: dollars, usage_source }) => ({
      day: dayOf(at),
      provider: provider === "" ? providerOf(worker) : provider,
      worker,
      source: usage_source,
      tokens: { input, output },
      dollars,
    }));
};

/** The calls of a request; one that was lost has none, but what was reserved for it is charged. */
export const linesOf = (row: z.infer<typeof request>, providerOf: ProviderOf): readonly LedgerLine[] => {
  const day = dayOf(row.at);
  if (row.calls.length === 0 && row.worker !== null && row.usage_source === "unknown") {
    const { worker, usage_source, cost_usd: dollars } = row;
    return [
      { day, provider: providerOf(worker), worker, source: usage_source, tokens: { input: 0, output: 0 }, dollars },
    ];
  }
  return row.calls
    .filter(isOperators)
    .map(({ worker, provider, input_tokens: input, output_tokens: output, cost_usd, usage_source }) => ({
      day,
      provider: provider ?? providerOf(worker),
      worker,
      source: usage_source,
      tokens: { input, output },
      dollars: cost_usd,
    }));
};

/** A cached answer is on no bill, and a call with the tenant's own key not on the operator's. */
const isOperators = ({ worker, billed_to }: Pick<z.infer<typeof call>, "worker" | "billed_to">): boolean =>
  billed_to === "operator" && worker !== "cache";

const dayOf = (at: string): string => new Date(at).toISOString().slice(0, 10);
