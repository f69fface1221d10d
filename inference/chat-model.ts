import type { Llama } from "node-llama-cpp";
import { loadChatModel, type ChatModel } from "./chat.ts";
import type { Config } from "./config.ts";
import type { Progress } from "./fetch-default-model.ts";
import type { Log } from "./log.ts";
import { startModel, type ModelState } from "./start-model.ts";

export type ChatState = ModelState<ChatModel>;

type ChatModelDeps = {
  readonly llama: Llama;
  readonly log: Log;
  readonly newCallId: () => string;
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
};

/** Gets the configured chat model ready behind the running service. */
export const startChatModel = (config: Config, { llama, newCallId, ...deps }: ChatModelDeps) =>
  startModel({
    ...deps,
    source: config.chatModel,
    variable: "SHOAL_CHAT_MODEL",
    name: "chat-model",
    modelsDir: config.modelsDir,
    load: (modelPath) =>
      loadChatModel(llama, {
        modelPath,
        sequences: config.chatSequences,
        maxContextTokens: config.chatContextTokens,
        maxWaiting: config.chatQueue,
        threads: config.threadsEach,
        newCallId,
        log: deps.log,
      }),
  });
