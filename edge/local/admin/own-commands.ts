import type { Command } from "commander";
import { asTable, type Console } from "./console.ts";
import { readFields } from "./read-fields.ts";

const keysOf = (tenant: string) => `/tenants/${tenant}/vendor-keys`;
const workersOf = (tenant: string) => `/tenants/${tenant}/workers`;

export const addOwnCommands = (program: Command, { run, readInput }: Console): void => {
  const keys = program.command("vendor-keys").description("providers' keys of a tenant's own");
  keys
    .command("list <tenant>")
    .action((tenant: string) =>
      run({ method: "GET", path: keysOf(tenant) }, asTable("provider", "ending", "created_at")),
    );
  keys
    .command("set <tenant> <provider>")
    .description("reads the key from standard input, so that no shell remembers it")
    .action(async (tenant: string, provider: string) =>
      run({ method: "PUT", path: `${keysOf(tenant)}/${provider}`, body: { key: (await readInput()).trim() } }),
    );
  keys
    .command("delete <tenant> <provider>")
    .action((tenant: string, provider: string) => run({ method: "DELETE", path: `${keysOf(tenant)}/${provider}` }));
  keys
    .command("rewrap <tenant>")
    .description("under the newest of KEY_SECRET")
    .action((tenant: string) => run({ method: "POST", path: `${keysOf(tenant)}/rewrap` }));

  const workers = program.command("own-workers").description("models that one tenant sees and uses");
  workers
    .command("list <tenant>")
    .action((tenant: string) =>
      run({ method: "GET", path: workersOf(tenant) }, asTable("id", "context_tokens", "max_output_tokens", "price")),
    );
  workers
    .command("set <tenant> <worker> <fields...>")
    .description("context_tokens=100000 max_output_tokens=8000 price.input=1 price.output=2 abilities=tools,stop")
    .action((tenant: string, worker: string, fields: string[]) =>
      run({ method: "PUT", path: `${workersOf(tenant)}/${worker}`, body: { abilities: [], ...readFields(fields) } }),
    );
  workers
    .command("delete <tenant> <worker>")
    .action((tenant: string, worker: string) => run({ method: "DELETE", path: `${workersOf(tenant)}/${worker}` }));
};
