import type { Command } from "commander";
import * as z from "zod";
import { asTable, row, type Console, type Show } from "./console.ts";
import { writeTable } from "./write-table.ts";

export const addRegionCommands = (program: Command, { run }: Console): void => {
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
