import { getLlama, LlamaLogLevel, type Llama } from "node-llama-cpp";
import type { Config } from "./config.ts";
import type { Log } from "./log.ts";

/**
 * The process's one binding to llama.cpp; every model and context hangs on it and goes with it. `auto` takes CUDA (or
 * Metal) where it works, else the CPU. Only errors are logged: llama.cpp warns about every encoder's tokenizer.
 */
export const openLlama = ({ gpu, threads }: Pick<Config, "gpu" | "threads">, log: Log): Promise<Llama> =>
  getLlama({
    gpu: gpu === "cpu" ? false : gpu === "cuda" ? "cuda" : { type: "auto", exclude: ["vulkan"] },
    build: "never",
    // By default never less than 4, and llama.cpp's threads spin: on 2 cores an encoding then takes 850 ms, not 8.
    maxThreads: threads,
    logLevel: LlamaLogLevel.error,
    // The first line: what follows may quote a client's grammar.
    logger: (level, message) => log("llama", { level, message: message.trim().split("\n", 1)[0] ?? "" }),
  });
