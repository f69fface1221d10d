import type { Command } from "commander";
import * as z from "zod";
import { asTable, row, type Console, type Show } from "./console.ts";
import { readFields } from "./read-fields.ts";
import { writeTable } from "./write-table.ts";

export const addRegionCommands = (program: Command, { run }: Console): void => {
  program
    .command("workers")
    .description("who can be asked, and what the others wait for")
    .action(() => run({ method: "GET", path: "/workers" }, showWorkers));

  const prices = program.command("prices").description("dollars per million tokens");
  prices
    .command("list")
    .description("what every worker costs, and when the operator set it")
    .action(() => run({ method: "GET", path: "/prices" }, asTable("worker", "price", "set_at")));
  prices
    .command("set <worker> <fields...>")
    .description("in the place of the card's price: input=1 output=4 cached_input=0.1 cache_write=1.25")
    .action((worker: string, fields: string[]) =>
      run({ method: "PUT", path: `/prices/${worker}`, body: readFields(fields) }),
    );
  prices
    .command("reset <worker>")
    .description("back to the card's price")
    .action((worker: string) => run({ method: "DELETE", path: `/prices/${worker}` }));

  program
    .command("audit")
    .description("what was done with the operator's credentials, from the newest on")
    .option("--tenant <id>", "to one tenant")
    .option("--before <id>", "where the page begins")
    .option("--limit <count>", "rows of a page", "100")
    .action((query: { tenant?: string; before?: string; limit: string }) =>
      run(
        { method: "GET", path: "/audit", query },
        asTable("id", "at", "credential", "action", "path", "status", "fields", "created", "note"),
      ),
    );
};

const workersSchema = z.object({ data: z.array(row), unconfigured: z.array(row) });

const showWorkers: Show = (body) => {
  const { data, unconfigured } = workersSchema.parse(body);
  const pool = writeTable(data, ["id", "provider", "data_region", "strengths"]);
  return `${pool}\nNot in the pool:\n${writeTable(unconfigured, ["provider", "needs"])}`;
};
