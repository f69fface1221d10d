import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { Variables } from "./environment.ts";

export type Child = {
  readonly name: string;
  /** How it ended, in words; never rejects. */
  readonly ended: Promise<string>;
  /** The last lines it wrote, oldest first. */
  tail(): readonly string[];
};

type Command = {
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  /** Its whole environment. */
  readonly env: Variables;
};

const tailLines = 20;

/**
 * The processes that the launcher runs, each in a process group of its own: a terminal's Ctrl-C reaches only the
 * launcher, which then ends them in order, and a guard ends them when the launcher dies without a word.
 */
export const createChildren = (print: (name: string, line: string) => void) => {
  const alive = new Map<Child, number>();
  const guard = startGuard();
  const tellGuard = () => guard.write(`${[...alive.values()].join(" ")}\n`);

  const end = (signal: NodeJS.Signals) => {
    for (const group of alive.values()) signalGroup(group, signal);
  };

  return {
    start({ name, file, args, env }: Command): Child {
      const lines: string[] = [];
      const process = spawn(file, args, { env, detached: true, stdio: ["ignore", "pipe", "pipe"] });
      const read = (stream: Readable) =>
        createInterface({ input: stream }).on("line", (line) => {
          lines.push(line);
          if (lines.length > tailLines) lines.shift();
          print(name, line);
        });
      read(process.stdout);
      read(process.stderr);

      const ended = waitForEnd(process).then((how) => {
        if (process.pid !== undefined) signalGroup(process.pid, "SIGKILL");
        alive.delete(child);
        tellGuard();
        return how;
      });
      const child: Child = { name, ended, tail: () => [...lines] };
      if (process.pid !== undefined) alive.set(child, process.pid);
      tellGuard();
      return child;
    },

    /** Asks all to end, and ends those that have not within `graceMs`. Resolves when none is left. */
    async stop(graceMs: number): Promise<void> {
      const gone = Promise.all([...alive.keys()].map((child) => child.ended));
      end("SIGTERM");
      await Promise.race([gone, delay(graceMs)]);
      end("SIGKILL");
      await gone;
      guard.end();
    },

    /** Ends all at once. */
    kill: () => end("SIGKILL"),
  };
};

export type Children = ReturnType<typeof createChildren>;

/** Signals every process of a group, 0 to ask only; gives whether there still is one. */
export const signalGroup = (group: number, signal: NodeJS.Signals | 0): boolean => {
  try {
    return process.kill(-group, signal);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ESRCH") return false;
    throw error;
  }
};

/** `close` and not `exit`: all that it wrote has been read by then. */
const waitForEnd = (process: ChildProcess): Promise<string> =>
  new Promise((resolve) => {
    process.once("error", (error) => resolve(error.message));
    process.once("close", (code, signal) => resolve(signal ?? `exit code ${code}`));
  });

const startGuard = () => {
  const file = fileURLToPath(import.meta.resolve("./guard.ts"));
  const guard = spawn(process.execPath, [file], { detached: true, stdio: ["pipe", "ignore", "inherit"], env: {} });
  guard.unref();
  return guard.stdin;
};
