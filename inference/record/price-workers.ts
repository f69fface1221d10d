import type { Price } from "../../shared/pricing.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { Listed } from "./ask.ts";
import { withCap, type Priced } from "./estimate.ts";

/** The workers that were named, in order. The error names each that cannot be asked, one a line. */
export const priceWorkers = (
  names: readonly string[],
  listed: readonly Listed[],
  maxTokens: number,
): Result<readonly Priced[], string> => {
  const found = names.map((name) => {
    // A reasoning effort is no part of the list.
    const worker = listed.find(({ id }) => id === name.split("@")[0]);
    if (worker === undefined) return err(`${name} is not among the workers: ${listed.map(({ id }) => id).join(", ")}`);
    if (!hasPrice(worker)) return err(`${name} has no price: nothing would keep it within the budget`);
    return ok(withCap({ ...worker, id: name }, maxTokens));
  });
  const problems = found.flatMap((one) => (one.ok ? [] : [one.error]));
  return problems.length > 0 ? err(problems.join("\n")) : ok(found.flatMap((one) => (one.ok ? [one.value] : [])));
};

const hasPrice = (worker: Listed): worker is Listed & { readonly price: Price } => worker.price !== null;
