import { Command } from "commander";
import * as z from "zod";
import { ask, type Question } from "./ask.ts";
import { findHost } from "./find-host.ts";
import { readFields } from "./read-fields.ts";
import { writeFields, writeTable } from "./write-table.ts";

export type CommandsIo = {
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly print: (text: string) => void;
  readonly fetch: typeof fetch;
  /** All that comes in at standard input. */
  readonly readInput: () => Promise<string>;
};

type Row = Readonly<Record<string, unknown>>;
/** How what comes back is shown to people. */
type Show = (body: Row) => string;

const row = z.record(z.string(), z.unknown());
const listed = z.object({ data: z.array(row) });

const asTable =
  (...columns: readonly string[]): Show =>
  (body) =>
    writeTable(listed.parse(body).data, columns);

const fieldsHint = "field=value …, as limits.usd_per_month=100 allowed_workers=a/b,c/d; field= deletes it";

/** Every command; what is wrong is thrown as a `CommandError`. */
export const createCommands = (io: CommandsIo): Command => {
  const program = new Command("npm run admin --")
    .description("Tenants, keys, usage and everything else that the operator of a region sets and reads.")
    .option("--json", "print what comes back as JSON")
    .option("--region <name>", "of a local start with several regions, the one that is meant");

  const send = async (question: Question): Promise<Response> => {
    const { region } = program.opts<{ region?: string }>();
    return ask(await findHost(io.env, io.cwd, region), question, io.fetch);
  };

  /** Asks, and prints the answer for people, or as it is. */
  const run = async (question: Question, show: Show = writeFields): Promise<void> => {
    const text = await (await send(question)).text();
    if (text === "") return io.print("done\n");
    const body = row.parse(JSON.parse(text));
    io.print(program.opts<{ json?: boolean }>().json ? `${JSON.stringify(body, null, 2)}\n` : show(body));
    return;
  };

  const tenants = program.command("tenants").description("who pays");
  tenants
    .command("list")
    .option("--after <id>", "where the page begins")
    .option("--deleted", "also those that were deleted")
    .action((options: { after?: string; deleted?: boolean }) =>
      run(
        {
          method: "GET",
          path: "/tenants",
          query: { after: options.after, deleted: options.deleted ? "true" : undefined },
        },
        asTable("id", "name", "status", "created_at"),
      ),
    );
  tenants.command("show <tenant>").action((tenant: string) => run({ method: "GET", path: `/tenants/${tenant}` }));
  tenants
    .command("create <tenant> [fields...]")
    .description(`name=…, and ${fieldsHint}`)
    .action((tenant: string, fields: string[]) =>
      run({ method: "POST", path: "/tenants", body: { name: tenant, ...readFields(fields), id: tenant } }),
    );
  tenants
    .command("set <tenant> <fields...>")
    .description(`${fieldsHint}; status=inactive refuses its keys`)
    .action((tenant: string, fields: string[]) =>
      run({ method: "PATCH", path: `/tenants/${tenant}`, body: readFields(fields) }),
    );

  const keys = program.command("keys").description("what a tenant's programs send");
  const keyPath = (tenant: string, key: string) => `/tenants/${tenant}/keys/${key}`;
  keys
    .command("list <tenant>")
    .option("--after <id>", "where the page begins")
    .action((tenant: string, options: { after?: string }) =>
      run(
        { method: "GET", path: `/tenants/${tenant}/keys`, query: { after: options.after } },
        asTable("id", "name", "status", "created_at", "expires_at"),
      ),
    );
  keys
    .command("show <tenant> <key>")
    .action((tenant: string, key: string) => run({ method: "GET", path: keyPath(tenant, key) }));
  keys
    .command("create <tenant> <name> [fields...]")
    .description(`prints the key, this once; expires_at=2027-01-01T00:00:00Z, and ${fieldsHint}`)
    .action((tenant: string, name: string, fields: string[]) =>
      run({ method: "POST", path: `/tenants/${tenant}/keys`, body: { name, ...readFields(fields) } }),
    );
  keys
    .command("set <tenant> <key> <fields...>")
    .description(fieldsHint)
    .action((tenant: string, key: string, fields: string[]) =>
      run({ method: "PATCH", path: keyPath(tenant, key), body: readFields(fields) }),
    );
  keys
    .command("rotate <tenant> <key>")
    .description("prints a new key that may do the same, this once")
    .option("--overlap <seconds>", "how long the old one goes on working", "3600")
    .action((tenant: string, key: string, options: { overlap: string }) =>
      run({
        method: "POST",
        path: `${keyPath(tenant, key)}/rotate`,
        body: { overlap_seconds: Number(options.overlap) },
      }),
    );
  keys
    .command("revoke <tenant> <key>")
    .action((tenant: string, key: string) => run({ method: "DELETE", path: keyPath(tenant, key) }));

  type UsageOptions = { from?: string; to?: string; by: string; csv?: boolean };
  program
    .command("usage <tenant>")
    .description("what a tenant has used")
    .option("--from <day>", "the first day, by default that of this month")
    .option("--to <day>", "the last day")
    .option("--by <groups>", "some of day,key,model,worker", "day")
    .option("--csv", "as a table of commas")
    .action(async (tenant: string, { from, to, by, csv }: UsageOptions) => {
      const query = { from, to, group_by: by, limit: "20000" };
      const question: Question = { method: "GET", path: `/tenants/${tenant}/usage`, query };
      return csv ? printCsv(question) : run(question, showUsage);
    });

  program
    .command("rollout <tenant>")
    .description("how a tenant's keys move from their baselines, the latest stages first")
    .option("--key <id>", "of one key")
    .option("--limit <count>", "so many stages", "20")
    .action(async (tenant: string, query: { key?: string; limit: string }) => {
      const question: Question = { method: "GET", path: `/tenants/${tenant}/rollout`, query };
      if (program.opts<{ json?: boolean }>().json) return run(question);
      const response = await send({ ...question, query: { ...query, format: "text" } });
      io.print(await response.text());
    });

  type LedgerOptions = { from?: string; to?: string; after?: string; limit: string; csv?: boolean; rows?: string };
  program
    .command("ledger <tenant>")
    .description("a tenant's requests from the oldest on")
    .option("--from <moment>", "a day or a moment")
    .option("--to <moment>", "a day, which is included, or a moment")
    .option("--after <next>", "where the page begins")
    .option("--limit <count>", "rows of a page", "100")
    .option("--rows <kind>", "requests, or calls to workers (with --csv)", "requests")
    .option("--csv", "as a table of commas")
    .action(async (tenant: string, { csv, ...query }: LedgerOptions) => {
      const question: Question = { method: "GET", path: `/tenants/${tenant}/ledger`, query };
      const columns = ["at", "request_id", "key_id", "model", "worker", "status", "input_tokens", "output_tokens"];
      return csv ? printCsv(question) : run(question, asTable(...columns, "cost_usd", "usage_source"));
    });

  const printCsv = async (question: Question): Promise<void> => {
    const response = await send({ ...question, query: { ...question.query, format: "csv" } });
    io.print(await response.text());
  };

  program
    .command("workers")
    .description("who can be asked, and what the others wait for")
    .action(() => run({ method: "GET", path: "/workers" }, showWorkers));

  program
    .command("audit")
    .description("what was done with the operator's credentials, from the newest on")
    .option("--tenant <id>", "to one tenant")
    .option("--before <id>", "where the page begins")
    .option("--limit <count>", "rows of a page", "100")
    .action((query: { tenant?: string; before?: string; limit: string }) =>
      run(
        { method: "GET", path: "/audit", query },
        asTable("id", "at", "credential", "action", "path", "status", "fields", "created"),
      ),
    );

  return program;
};

const sums = ["requests", "calls", "input_tokens", "output_tokens", "cost_usd"];

const showUsage: Show = (body) => {
  const { group_by, data, total } = z
    .object({ group_by: z.array(z.string()), data: z.array(row), total: row.nullable() })
    .parse(body);
  const groups = group_by.flatMap((group) => (group === "key" ? ["key_id", "key_name"] : [group]));
  const [first, ...others] = groups;
  if (first === undefined) return writeTable(data, sums);
  const blank = Object.fromEntries(others.map((group) => [group, ""]));
  return writeTable([...data, { ...total, ...blank, [first]: "total" }], [...groups, ...sums]);
};

const showWorkers: Show = (body) => {
  const { data, unconfigured } = z.object({ data: z.array(row), unconfigured: z.array(row) }).parse(body);
  const pool = writeTable(data, ["id", "provider", "data_region", "strengths"]);
  return `${pool}\nNot in the pool:\n${writeTable(unconfigured, ["provider", "needs"])}`;
};
