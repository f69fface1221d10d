import type { Command } from "commander";
import * as z from "zod";
import type { Question } from "./ask.ts";
import { asTable, row, type Console, type Show } from "./console.ts";
import { writeTable } from "./write-table.ts";

type UsageOptions = { from?: string; to?: string; by: string; csv?: boolean };
type LedgerOptions = { from?: string; to?: string; after?: string; limit: string; csv?: boolean; rows?: string };

export const addUsageCommands = (program: Command, { run, copy, wantsJson }: Console): void => {
  const table = (question: Question) => copy({ ...question, query: { ...question.query, format: "csv" } });
  program
    .command("usage <tenant>")
    .description("what a tenant has used")
    .option("--from <day>", "the first day, by default that of this month")
    .option("--to <day>", "the last day")
    .option("--by <groups>", "some of day,key,model,worker", "day")
    .option("--csv", "as a table of commas")
    .action((tenant: string, { from, to, by, csv }: UsageOptions) => {
      const query = { from, to, group_by: by, limit: "20000" };
      const question: Question = { method: "GET", path: `/tenants/${tenant}/usage`, query };
      return csv ? table(question) : run(question, showUsage);
    });

  program
    .command("ledger <tenant>")
    .description("a tenant's requests from the oldest on")
    .option("--from <moment>", "a day or a moment")
    .option("--to <moment>", "a day, which is included, or a moment")
    .option("--after <next>", "where the page begins")
    .option("--limit <count>", "rows of a page", "100")
    .option("--rows <kind>", "requests, or calls to workers (with --csv)", "requests")
    .option("--csv", "as a table of commas")
    .action((tenant: string, { csv, ...query }: LedgerOptions) => {
      const question: Question = { method: "GET", path: `/tenants/${tenant}/ledger`, query };
      const columns = ["at", "request_id", "key_id", "model", "worker", "status", "input_tokens", "output_tokens"];
      return csv ? table(question) : run(question, asTable(...columns, "cost_usd", "usage_source"));
    });

  program
    .command("rollout <tenant>")
    .description("how a tenant's keys move from their baselines, the latest stages first")
    .option("--key <id>", "of one key")
    .option("--limit <count>", "so many stages", "20")
    .action((tenant: string, query: { key?: string; limit: string }) => {
      const question: Question = { method: "GET", path: `/tenants/${tenant}/rollout`, query };
      return wantsJson() ? run(question) : copy({ ...question, query: { ...query, format: "text" } });
    });

  program
    .command("feedback <tenant>")
    .description("its scored answers, a line of JSON each, as recordings are written")
    .action((tenant: string) => copy({ method: "GET", path: `/tenants/${tenant}/feedback` }));
};

const sums = ["requests", "calls", "input_tokens", "output_tokens", "cost_usd"];
const usageSchema = z.object({ group_by: z.array(z.string()), data: z.array(row), total: row.nullable() });

const showUsage: Show = (body) => {
  const { group_by, data, total } = usageSchema.parse(body);
  const groups = group_by.flatMap((group) => (group === "key" ? ["key_id", "key_name"] : [group]));
  const [first, ...others] = groups;
  if (first === undefined) return writeTable(data, sums);
  const blank = Object.fromEntries(others.map((group) => [group, ""]));
  return writeTable([...data, { ...total, ...blank, [first]: "total" }], [...groups, ...sums]);
};
