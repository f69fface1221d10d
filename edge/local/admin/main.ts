/**
 * `npm run admin -- …`: the operator's routes as commands. Where and with what credential: `SHOAL_URL` and `ADMIN_KEY`,
 * else the local start's own.
 */
import { existsSync } from "node:fs";
import { createCommands } from "./commands.ts";
import { CommandError } from "./command-error.ts";

if (existsSync(".env")) process.loadEnvFile(".env");

const commands = createCommands({
  env: process.env,
  cwd: process.cwd(),
  print: (text) => process.stdout.write(text),
  fetch,
  readInput: async () => {
    const chunks: Buffer[] = [];
    for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks).toString("utf8");
  },
});

try {
  await commands.parseAsync(process.argv);
} catch (error) {
  if (!(error instanceof CommandError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
