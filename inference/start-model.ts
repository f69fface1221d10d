import { stat } from "node:fs/promises";
import { resolveModelFile } from "node-llama-cpp";
import { err, ok, type Result } from "../shared/result.ts";
import type { ModelSource } from "./config.ts";
import { fetchDefaultModel, type FetchOptions, type Progress } from "./fetch-default-model.ts";
import type { Log } from "./log.ts";

export type ModelState<Model> =
  | { readonly status: "none" }
  | { readonly status: "loading"; readonly progress: Progress | null }
  | { readonly status: "ready"; readonly model: Model }
  | { readonly status: "failed"; readonly reason: string };

export type StartOptions<Model> = {
  readonly source: ModelSource;
  /** The variable that names the source. */
  readonly variable: string;
  /** What the log calls it. */
  readonly name: string;
  readonly modelsDir: string;
  readonly load: (path: string) => Promise<Model>;
  readonly log: Log;
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
};

/**
 * Gets a configured model ready behind the running service. Without it the service does all else; `state` says where it
 * stands, `settled` resolves when it no longer changes.
 */
export const startModel = <Model extends { readonly contextTokens: number }>(options: StartOptions<Model>) => {
  const { source, name, log, signal } = options;
  let state: ModelState<Model> = source.kind === "none" ? { status: "none" } : { status: "loading", progress: null };
  const onProgress = (progress: Progress) => {
    state = { status: "loading", progress };
    options.onProgress(progress);
  };

  const run = async (): Promise<ModelState<Model>> => {
    if (state.status === "none") return state;
    try {
      const path = await locate({ ...options, onProgress });
      if (!path.ok) return { status: "failed", reason: path.error };
      state = { status: "loading", progress: null };
      return { status: "ready", model: await options.load(path.value) };
    } catch (error) {
      return { status: "failed", reason: error instanceof Error ? error.message : "unknown" };
    }
  };

  const settle = async () => {
    state = await run();
    if (signal.aborted) return;
    if (state.status === "failed") log(`${name}-failed`, { reason: state.reason });
    if (state.status === "ready") log(`${name}-ready`, { contextTokens: state.model.contextTokens });
  };
  const settled = settle();
  return { state: () => state, settled };
};

type Wanted = Pick<FetchOptions, "modelsDir" | "onProgress" | "signal"> & {
  readonly source: ModelSource;
  readonly variable: string;
};

/** The model's file: found, or fetched first. */
export const locate = async ({ source, variable, modelsDir, ...deps }: Wanted): Promise<Result<string, string>> => {
  switch (source.kind) {
    case "default":
      return fetchDefaultModel({ modelsDir, ...deps });
    case "file": {
      const file = await stat(source.path).catch(() => null);
      return file?.isFile() ? ok(source.path) : err(`${variable}: ${source.path} is not a file`);
    }
    case "hub": {
      const onProgress = (status: { totalSize: number; downloadedSize: number }) =>
        deps.onProgress({ doneBytes: status.downloadedSize, totalBytes: status.totalSize });
      return ok(
        await resolveModelFile(source.uri, { directory: modelsDir, cli: false, signal: deps.signal, onProgress }),
      );
    }
    case "none":
      return err(`${variable} is none`);
    default:
      return source satisfies never;
  }
};
