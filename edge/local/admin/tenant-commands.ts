import type { Command } from "commander";
import { CommandError } from "./command-error.ts";
import { asTable, fieldsHint, type Console } from "./console.ts";
import { readFields } from "./read-fields.ts";

export const addTenantCommands = (program: Command, { run, copy }: Console): void => {
  const tenants = program.command("tenants").description("who pays");
  tenants
    .command("list")
    .option("--after <id>", "where the page begins")
    .option("--deleted", "also those that were deleted")
    .action(({ after, deleted }: { after?: string; deleted?: boolean }) =>
      run(
        { method: "GET", path: "/tenants", query: { after, deleted: deleted ? "true" : undefined } },
        asTable("id", "name", "status", "created_at"),
      ),
    );
  tenants
    .command("show <tenant>")
    .description("its policy, and what it has spent")
    .action((tenant: string) => run({ method: "GET", path: `/tenants/${tenant}` }));
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
  tenants
    .command("export <tenant>")
    .description("all that it has, a line of JSON each")
    .action((tenant: string) => copy({ method: "GET", path: `/tenants/${tenant}/export` }));
  tenants
    .command("delete <tenant>")
    .description("it and all that it has, for good")
    .option("--confirm <tenant>", "its id once more")
    .action((tenant: string, { confirm }: { confirm?: string }) => {
      if (confirm !== tenant) throw new CommandError(`this cannot be undone: add --confirm ${tenant}`);
      return run({ method: "DELETE", path: `/tenants/${tenant}` });
    });

  program
    .command("purge-cache <tenant>")
    .description("forget its cached answers")
    .action((tenant: string) => run({ method: "DELETE", path: `/tenants/${tenant}/cache` }));
};
