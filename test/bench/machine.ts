import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import os from "node:os";
import { promisify } from "node:util";
import * as z from "zod";

const run = promisify(execFile);
const versionOf = (name: string): string =>
  z.object({ version: z.string() }).parse(createRequire(import.meta.url)(`${name}/package.json`)).version;

/** Where it was measured, without the machine's name. */
export const describeMachine = () => ({
  cpu: os.cpus()[0]?.model ?? "unknown",
  cores: os.availableParallelism(),
  memoryGb: Math.round(os.totalmem() / 2 ** 30),
  platform: `${os.platform()} ${os.arch()}`,
  /** Processes that wanted to run in the last minute: above the cores, others were using the machine. */
  loadBefore: Number((os.loadavg()[0] ?? 0).toFixed(1)),
  node: process.versions.node,
  workerd: versionOf("workerd"),
});

/** Resident memory of a process in MB. */
export const readResidentMb = async (pid: number): Promise<number> => {
  const { stdout } = await run("ps", ["-o", "rss=", "-p", String(pid)]);
  return Number(stdout) / 1024;
};
