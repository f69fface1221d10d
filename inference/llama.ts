import { getLlama, LlamaLogLevel, type Llama } from "node-llama-cpp";
import type { Config } from "./config.ts";
import type { Log } from "./log.ts";

/**
 * The process's one binding to llama.cpp; every model and context hangs on it and goes with it. `auto` takes CUDA (or
 * Metal) where it works, else the CPU. Only errors are logged: llama.cpp warns about every encoder's tokenizer.
 *
 * llama.cpp's threads wait for one another by spinning. Where one of them has to share its core, the others burn theirs:
 * on 2 cores with another busy process, 8 tokens took 10 ms with 1 thread, 200 ms with 2, and 850 ms with 4 even
 * without. Hence no more threads in all than cores (node-llama-cpp takes at least 4), and half of them for one task.
 */
export const openLlama = ({ gpu, threads }: Pick<Config, "gpu" | "threads">, log: Log): Promise<Llama> =>
  getLlama({
    gpu: gpu === "cpu" ? false : gpu === "cuda" ? "cuda" : { type: "auto", exclude: ["vulkan"] },
    build: "never",
    maxThreads: threads,
    logLevel: LlamaLogLevel.error,
    // The first line: what follows may quote a client's grammar.
    logger: (level, message) => log("llama", { level, message: message.trim().split("\n", 1)[0] ?? "" }),
  });
