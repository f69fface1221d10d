/**
 * Runs code of strangers: Linux namespaces by util-linux's `unshare`, as root or not.
 *
 * A program gets: a process of its own in a new process, network, mount and IPC namespace, no network interface, a root
 * that holds the system's programs and libraries and its interpreter, all read-only, and an empty `/tmp` in memory. It has
 * no capability and gains none, an empty environment, and limits on time, memory, processes and file size. When its
 * time is over, or this process dies, the kernel ends all that it started.
 *
 * It does not keep a program from reading the system's installed software, and it is as tight as the kernel: where
 * answers may be hostile, record inside a virtual machine.
 */
import { execFile, spawn } from "node:child_process";
import { realpath } from "node:fs/promises";
import { promisify } from "node:util";
import pLimit from "p-limit";
import * as z from "zod";

export const languages = ["python", "javascript"] as const;
export type Language = (typeof languages)[number];

/** How a program ended. `code` is null when it could not be started, 137 when it was killed. */
export type Ran = { readonly code: number | null; readonly stdout: string };

export type Sandbox = {
  /** What it can run here. */
  readonly languages: ReadonlySet<Language>;
  run(language: Language, program: string): Promise<Ran>;
};

export type SandboxLimits = { readonly wallSeconds: number };

type Interpreter = {
  readonly command: readonly string[];
  /** Files and folders that it needs besides the system's. */
  readonly needs: readonly string[];
  readonly memoryBytes: number;
  /** Threads count. */
  readonly processes: number;
};

const mebibyte = 2 ** 20;
const keptOutput = 65_536;
const fileBytes = 16 * mebibyte;
const systemFolders = ["/usr", "/bin", "/sbin", "/lib", "/lib64"];

/** Builds the new root on a tmpfs that only this namespace sees, then runs what follows `--` in it. */
const enter = `
set -eu
root=/mnt
mount -t tmpfs -o size=32m,mode=755 sandbox "$root"
while [ "$1" != -- ]; do
  if [ -L "$1" ]; then ln -s "$(readlink "$1")" "$root$1"
  elif [ -e "$1" ]; then
    if [ -d "$1" ]; then mkdir -p "$root$1"; else mkdir -p "$root\${1%/*}"; : > "$root$1"; fi
    mount --rbind "$1" "$root$1"
    mount -o remount,bind,ro "$root$1"
  fi
  shift
done
shift
mkdir -p "$root/tmp"
chmod 1777 "$root/tmp"
chroot "$root" "$@"
`;

/** Finds out what can be run; a language without interpreter, or a machine without namespaces, has none. */
export const openSandbox = async (limits: SandboxLimits): Promise<Sandbox> => {
  const found = { python: await findPython(), javascript: await findNode() };
  const hello: Record<Language, string> = { python: 'print("hello")', javascript: 'console.log("hello")' };
  // Processes of all sandboxes count towards one limit.
  const one = pLimit(1);
  const run = (language: Language, program: string): Promise<Ran> => {
    const interpreter = found[language];
    return interpreter === null
      ? Promise.resolve({ code: null, stdout: "" })
      : one(() => start(commandOf(interpreter, limits), program));
  };
  const works = await Promise.all(
    languages.map(async (language) => {
      const { code, stdout } = await run(language, hello[language]);
      return code === 0 && stdout === "hello\n";
    }),
  );
  return { languages: new Set(languages.filter((_, at) => works[at])), run };
};

const findPython = async (): Promise<Interpreter | null> => {
  const ask = "import json, os, sys; print(json.dumps([os.path.realpath(sys.executable), sys.base_prefix]))";
  try {
    const { stdout } = await promisify(execFile)("python3", ["-I", "-c", ask]);
    const [file, prefix] = z.tuple([z.string(), z.string()]).parse(JSON.parse(stdout));
    return {
      command: [file, "-I", "-X", "utf8", "-"],
      needs: [prefix, file],
      memoryBytes: 512 * mebibyte,
      processes: 16,
    };
  } catch {
    return null;
  }
};

/** This process's own Node, whose permissions bar files, processes and threads once more. */
const findNode = async (): Promise<Interpreter> => {
  const file = await realpath(process.execPath);
  return {
    command: [file, "--permission", "--max-old-space-size=256", "--input-type=module", "-"],
    needs: [file],
    memoryBytes: 1024 * mebibyte,
    processes: 48,
  };
};

const commandOf = (interpreter: Interpreter, { wallSeconds }: SandboxLimits): readonly string[] => {
  const { command, memoryBytes, processes } = interpreter;
  const root = process.getuid?.() === 0;
  const ended = words(`timeout --signal=KILL ${wallSeconds}`);
  const apart = words("unshare --mount --net --ipc --uts --pid --fork --kill-child");
  const limits = words(
    `prlimit --data=${memoryBytes} --nproc=${processes} --cpu=${wallSeconds} --fsize=${fileBytes} --nofile=64 --core=0`,
  );
  const powerless = words("setpriv --bounding-set=-all --inh-caps=-all --no-new-privs");
  // Who is root needs no namespace of users, and becomes nobody: limits on processes do not bind root.
  const asWhom = root
    ? { outside: [], inside: words("--reuid=65534 --regid=65534 --clear-groups") }
    : { outside: words("--user --map-root-user"), inside: [] };
  const inRoot = ["sh", "-c", enter, "sandbox", ...foldersFor(interpreter), "--"];
  const clean = words("env --ignore-environment --chdir=/tmp");
  return [ended, apart, asWhom.outside, inRoot, limits, powerless, asWhom.inside, clean, command].flat();
};

const words = (text: string): readonly string[] => text.split(" ");

const foldersFor = ({ needs }: Interpreter): readonly string[] =>
  needs.reduce<readonly string[]>(
    (folders, path) => (folders.some((folder) => `${path}/`.startsWith(`${folder}/`)) ? folders : [...folders, path]),
    systemFolders,
  );

const start = async ([file = "", ...args]: readonly string[], program: string): Promise<Ran> => {
  const child = spawn(file, args, {
    stdio: ["pipe", "pipe", "ignore"],
    env: { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" },
  });
  const ended = new Promise<number | null>((resolve) => {
    child.once("error", () => resolve(null));
    // 128 + 9, as a shell tells it.
    child.once("close", (code, signal) => resolve(signal === null ? code : 137));
  });
  // It may end before it has read its program.
  child.stdin.on("error", () => undefined);
  child.stdin.end(program);
  const stdout = await readTail(child.stdout);
  return { code: await ended, stdout };
};

/** What matters stands at the end, however much is printed. */
const readTail = async (stream: AsyncIterable<unknown>): Promise<string> => {
  let tail = "";
  for await (const chunk of stream) tail = (tail + String(chunk)).slice(-keptOutput);
  return tail;
};
