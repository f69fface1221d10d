import type { Command } from "commander";
import { asTable, fieldsHint, type Console } from "./console.ts";
import { readFields } from "./read-fields.ts";

const pathOf = (tenant: string, key: string) => `/tenants/${tenant}/keys/${key}`;

export const addKeyCommands = (program: Command, { run }: Console): void => {
  const keys = program.command("keys").description("what a tenant's programs send");
  keys
    .command("list <tenant>")
    .option("--after <id>", "where the page begins")
    .action((tenant: string, { after }: { after?: string }) =>
      run(
        { method: "GET", path: `/tenants/${tenant}/keys`, query: { after } },
        asTable("id", "name", "status", "created_at", "expires_at"),
      ),
    );
  keys
    .command("show <tenant> <key>")
    .description("what it may do")
    .action((tenant: string, key: string) => run({ method: "GET", path: pathOf(tenant, key) }));
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
      run({ method: "PATCH", path: pathOf(tenant, key), body: readFields(fields) }),
    );
  keys
    .command("rotate <tenant> <key>")
    .description("prints a new key that may do the same, this once")
    .option("--overlap <seconds>", "how long the old one goes on working", "3600")
    .action((tenant: string, key: string, { overlap }: { overlap: string }) =>
      run({ method: "POST", path: `${pathOf(tenant, key)}/rotate`, body: { overlap_seconds: Number(overlap) } }),
    );
  keys
    .command("revoke <tenant> <key>")
    .action((tenant: string, key: string) => run({ method: "DELETE", path: pathOf(tenant, key) }));
};
