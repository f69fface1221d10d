import { execFile } from "node:child_process";
import { promisify } from "node:util";

export type Process = { readonly pid: number; readonly parent: number; readonly command: string };

const run = promisify(execFile);

/** Every process of the machine that has not ended. */
const listProcesses = async (): Promise<readonly Process[]> => {
  const { stdout } = await run("ps", ["-A", "-o", "pid=,ppid=,stat=,args="]);
  return stdout.split("\n").flatMap((line) => {
    const [, pid, parent, state, command] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.*)$/.exec(line) ?? [];
    if (command === undefined || state?.startsWith("Z")) return [];
    return [{ pid: Number(pid), parent: Number(parent), command }];
  });
};

/** The processes that a process has started. */
export const childrenOf = async (pid: number): Promise<readonly Process[]> =>
  (await listProcesses()).filter((process) => process.parent === pid);

/** Those of these processes that still run. */
export const stillRunning = async (processes: readonly Process[]): Promise<readonly Process[]> => {
  const now = await listProcesses();
  return processes.filter((old) => now.some(({ pid, command }) => pid === old.pid && command === old.command));
};
