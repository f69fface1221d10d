import { stat } from "node:fs/promises";
import { resolveModelFile, type Llama } from "node-llama-cpp";
import { err, ok, type Result } from "../shared/result.ts";
import { loadChatModel, type ChatModel } from "./chat.ts";
import type { Config } from "./config.ts";
import { fetchDefaultModel, type FetchOptions, type Progress } from "./fetch-default-model.ts";
import type { Log } from "./log.ts";

export type ChatState =
  | { readonly status: "none" }
  | { readonly status: "loading"; readonly progress: Progress | null }
  | { readonly status: "ready"; readonly model: ChatModel }
  | { readonly status: "failed"; readonly reason: string };

type ChatModelDeps = {
  readonly llama: Llama;
  readonly log: Log;
  readonly newCallId: () => string;
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
};

/**
 * Gets the configured chat model ready behind the running service. Without one the service still plans and encodes;
 * `state` says where it stands, `settled` resolves when it no longer changes.
 */
export const startChatModel = (config: Config, deps: ChatModelDeps) => {
  let state: ChatState = config.chatModel.kind === "none" ? { status: "none" } : { status: "loading", progress: null };
  const onProgress = (progress: Progress) => {
    state = { status: "loading", progress };
    deps.onProgress(progress);
  };

  const run = async (): Promise<ChatState> => {
    if (state.status === "none") return state;
    try {
      const path = await locate(config, { ...deps, onProgress });
      if (!path.ok) return { status: "failed", reason: path.error };
      state = { status: "loading", progress: null };
      return { status: "ready", model: await load(path.value, config, deps) };
    } catch (error) {
      return { status: "failed", reason: error instanceof Error ? error.message : "unknown" };
    }
  };

  const settle = async () => {
    state = await run();
    if (deps.signal.aborted) return;
    if (state.status === "failed") deps.log("chat-model-failed", { reason: state.reason });
    if (state.status === "ready") deps.log("chat-model-ready", { contextTokens: state.model.contextTokens });
  };
  const settled = settle();
  return { state: () => state, settled };
};

const locate = async (
  config: Config,
  deps: Pick<FetchOptions, "onProgress" | "signal">,
): Promise<Result<string, string>> => {
  const { chatModel, modelsDir } = config;
  switch (chatModel.kind) {
    case "default":
      return fetchDefaultModel({ modelsDir, ...deps });
    case "file": {
      const file = await stat(chatModel.path).catch(() => null);
      return file?.isFile() ? ok(chatModel.path) : err(`SHOAL_CHAT_MODEL: ${chatModel.path} is not a file`);
    }
    case "hub": {
      const onProgress = (status: { totalSize: number; downloadedSize: number }) =>
        deps.onProgress({ doneBytes: status.downloadedSize, totalBytes: status.totalSize });
      return ok(
        await resolveModelFile(chatModel.uri, { directory: modelsDir, cli: false, signal: deps.signal, onProgress }),
      );
    }
    case "none":
      return err("SHOAL_CHAT_MODEL is none");
    default:
      return chatModel satisfies never;
  }
};

const load = (modelPath: string, config: Config, { llama, newCallId, log }: ChatModelDeps): Promise<ChatModel> =>
  loadChatModel(llama, {
    modelPath,
    sequences: config.chatSequences,
    maxContextTokens: config.chatContextTokens,
    maxWaiting: config.chatQueue,
    threads: config.threadsEach,
    newCallId,
    log,
  });
