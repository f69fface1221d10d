import { Command } from "commander";
import { createConsole, type ConsoleIo } from "./console.ts";
import { addKeyCommands } from "./key-commands.ts";
import { addOwnCommands } from "./own-commands.ts";
import { addRegionCommands } from "./region-commands.ts";
import { addTenantCommands } from "./tenant-commands.ts";
import { addUsageCommands } from "./usage-commands.ts";

/** Every command; what is wrong is thrown as a `CommandError`. */
export const createCommands = (io: ConsoleIo): Command => {
  const program = new Command("npm run admin --")
    .description("Tenants, keys, usage and everything else that the operator of a region sets and reads.")
    .option("--json", "print what comes back as JSON")
    .option("--region <name>", "of a local start with several regions, the one that is meant");
  const console = createConsole(program, io);
  for (const add of [addTenantCommands, addKeyCommands, addOwnCommands, addUsageCommands, addRegionCommands]) {
    add(program, console);
  }
  return program;
};
