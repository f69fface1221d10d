/**
 * `npm run migration`: a team moves to the learned router and back, against loopback vendors of invented speed, length
 * and reliability; then another whose canary goes back by itself. Prints the reports and leaves them in
 * `test/results/rollout.md`.
 */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { createRandom } from "../bench/statistics.ts";
import { startSystem } from "../support/start.ts";
import { startVendors } from "../support/vendors.ts";
import { baseline, migrate, retreat } from "./migrate.ts";

const adminKey = "admin-key-of-the-migration";
const size = { each: 60, canary: 400, clients: 6 };

await using vendors = await startVendors();
await using system = await startSystem({ env: { ...vendors.env, ADMIN_KEY: adminKey } });
const say = (text: string) => void process.stderr.write(`${text}\n`);
const world = { url: system.url, adminKey, vendors, random: createRandom(1), size, say };

const { reports, lastOfShoalMs, afterSwitch, afterTenSeconds, strays } = await migrate(world);
const retreated = await retreat(world);

const fence = (text: string) => `\`\`\`\n${text.trim()}\n\`\`\`\n`;
const text = `# Moving to the learned router

What \`GET /v1/rollout?format=text\` printed in a simulated migration (\`npm run migration\`): conversations of one to three turns, streamed, ${size.clients} at once, through the whole system with the committed conductor. The vendors are loopback servers of invented speed, length and reliability; feedback is drawn at random. Nothing here says anything of a real model's quality, price or speed. The baseline is \`${baseline.id}\`.

${reports.map((report) => `## ${report.stage}\n\n${fence(report.text)}`).join("\n")}
## One switch back

\`PATCH /admin/tenants/moving\` with \`mode: "off"\`, while requests go on: ${afterSwitch} followed, the last that the conductor had a say in came ${lastOfShoalMs} ms after the switch. Of the ${afterTenSeconds} that came later than ten seconds after it, ${strays} were not the baseline's.

## A canary that goes back by itself

Another tenant, whose workers other than the baseline refuse three requests of ten.

${fence(retreated)}`;
console.log(text);
await writeFile(path.join(import.meta.dirname, "..", "results", "rollout.md"), text);
process.exitCode = strays === 0 && retreated.includes("went back") ? 0 : 1;
