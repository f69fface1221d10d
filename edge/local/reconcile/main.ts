/** `npm run reconcile`: the ledger beside what the vendors billed. Exits with 1 when they differ by more than allowed. */
import { parseOptions } from "./options.ts";
import { printComparison } from "./print.ts";
import { reconcile } from "./reconcile.ts";

const run = async (): Promise<number> => {
  const options = parseOptions(process.argv.slice(2));
  if (!options.ok) return fail(options.error);
  const compared = await reconcile(options.value, { environment: process.env, fetch });
  if (!compared.ok) return fail(compared.error);
  const { tolerance, json } = options.value;
  console.log(json ? JSON.stringify(compared.value, null, 2) : printComparison(compared.value, tolerance));
  return compared.value.verdicts.some(({ share }) => share > tolerance) ? 1 : 0;
};

const fail = (problem: string): number => {
  console.error(problem);
  return 2;
};

try {
  process.exitCode = await run();
} catch (error) {
  process.exitCode = fail(error instanceof Error ? error.message : String(error));
}
