/** Commands of the repository, each in a process of its own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { text } from "node:stream/consumers";

const root = path.join(import.meta.dirname, "..", "..");

/** What Node has compiled it keeps there: a process starts in half the time when one like it has run before. */
export const compileCache = { NODE_COMPILE_CACHE: path.join(root, "node_modules", ".cache", "shoal-tests") };

type Surroundings = {
  readonly cwd?: string;
  /** All variables that the command sees. */
  readonly env?: NodeJS.ProcessEnv;
  /** Its standard input. */
  readonly input?: string;
};

type Ended = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

/** `script`: its path from the repository's root. */
export const startCommand = (
  script: string,
  words: readonly string[],
  { cwd = root, env = process.env, input = "" }: Surroundings = {},
): { readonly pid: number; readonly ended: Promise<Ended> } => {
  const child = spawn(process.execPath, [path.join(root, script), ...words], { cwd, env: { ...env, ...compileCache } });
  child.stdin.end(input);
  const ended = Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]).then(
    ([stdout, stderr]) => ({
      code: child.exitCode,
      stdout,
      stderr,
    }),
  );
  return { pid: child.pid ?? 0, ended };
};
