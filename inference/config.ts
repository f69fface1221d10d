import { availableParallelism } from "node:os";
import * as z from "zod";
import { err, ok, type Result } from "../shared/result.ts";

/** `default` fetches the small chat model, `none` does without. */
export type ModelSource =
  | { readonly kind: "default" }
  | { readonly kind: "none" }
  | { readonly kind: "file"; readonly path: string }
  /** A hub address as node-llama-cpp resolves it, e.g. `hf:<user>/<model>:<quantization>`. */
  | { readonly kind: "hub"; readonly uri: string };

export type Config = {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  /** Bearer secret shared with the edge. */
  readonly secret: string;
  readonly chatModel: ModelSource;
  /** What writes the workflows of tier ultra; none: they have a fixed shape. */
  readonly plannerModel: ModelSource;
  /** Where fetched models are kept. */
  readonly modelsDir: string;
  readonly gpu: "auto" | "cpu" | "cuda";
  /** CPU threads of all models together: never more than there are cores, see `openLlama`. */
  readonly threads: number;
  /** CPU threads of one chat or of one text being encoded; by default half of `threads`, at most 4, see `openLlama`. */
  readonly threadsEach: number;
  /** Chats that may be written at once. */
  readonly chatSequences: number;
  /** Tokens of prompt and answer together that one chat may have. */
  readonly chatContextTokens: number;
  /** Chats that may wait for a sequence before the next one is refused. */
  readonly chatQueue: number;
  /** Plans that may be written at once. */
  readonly plannerSequences: number;
  /** Tokens of the planner's prompt and plan together. */
  readonly plannerContextTokens: number;
  /** Tokens that one plan may have. */
  readonly plannerTokens: number;
  /** Plans that may wait for a sequence before the next one is refused. */
  readonly plannerQueue: number;
  /** Texts that may be encoded at once; on a CPU they share the threads. */
  readonly encoderContexts: number;
};

const whole = (text: z.ZodString | z.ZodDefault<z.ZodString>, min: number, max: number) =>
  text.transform(Number).pipe(z.int().min(min).max(max));

const or = (fallback: string) => z.string().default(fallback);

const schema = z.object({
  SHOAL_INFERENCE_HOST: or("127.0.0.1"),
  SHOAL_INFERENCE_PORT: whole(or("8788"), 0, 65_535),
  INFERENCE_SECRET: z
    .string("is not set: the bearer secret that the edge sends")
    .min(16, "needs 16 characters or more"),
  SHOAL_CHAT_MODEL: or("default"),
  SHOAL_MODELS_DIR: or(".shoal/models"),
  SHOAL_GPU: z.enum(["auto", "cpu", "cuda"]).default("auto"),
  SHOAL_THREADS: whole(or(String(availableParallelism())), 1, 256),
  SHOAL_THREADS_EACH: whole(z.string(), 1, 256).optional(),
  SHOAL_CHAT_SEQUENCES: whole(or("2"), 1, 64),
  SHOAL_CHAT_CONTEXT: whole(or("4096"), 256, 1_048_576),
  SHOAL_CHAT_QUEUE: whole(or("8"), 0, 1024),
  SHOAL_PLANNER_MODEL: or("none"),
  SHOAL_PLANNER_SEQUENCES: whole(or("2"), 1, 64),
  SHOAL_PLANNER_CONTEXT: whole(or("4096"), 2048, 131_072),
  SHOAL_PLANNER_TOKENS: whole(or("1536"), 512, 8192),
  SHOAL_PLANNER_QUEUE: whole(or("4"), 0, 1024),
  SHOAL_ENCODER_CONTEXTS: whole(or("2"), 1, 16),
});

/**
 * Reads the environment, or lists every problem in it, one a line. `INFERENCE_SECRET` is required on every host,
 * loopback included: a process of another user on the machine is not the edge. An empty variable counts as not set.
 */
export const readConfig = (env: Readonly<Record<string, string | undefined>>): Result<Config, readonly string[]> => {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  const parsed = schema.safeParse(set);
  if (!parsed.success) {
    return err(parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`));
  }
  const { data } = parsed;
  return ok({
    host: data.SHOAL_INFERENCE_HOST,
    port: data.SHOAL_INFERENCE_PORT,
    secret: data.INFERENCE_SECRET,
    chatModel: modelSource(data.SHOAL_CHAT_MODEL),
    plannerModel: modelSource(data.SHOAL_PLANNER_MODEL),
    modelsDir: data.SHOAL_MODELS_DIR,
    gpu: data.SHOAL_GPU,
    threads: data.SHOAL_THREADS,
    threadsEach: data.SHOAL_THREADS_EACH ?? Math.min(4, Math.ceil(data.SHOAL_THREADS / 2)),
    chatSequences: data.SHOAL_CHAT_SEQUENCES,
    chatContextTokens: data.SHOAL_CHAT_CONTEXT,
    chatQueue: data.SHOAL_CHAT_QUEUE,
    plannerSequences: data.SHOAL_PLANNER_SEQUENCES,
    plannerContextTokens: data.SHOAL_PLANNER_CONTEXT,
    plannerTokens: data.SHOAL_PLANNER_TOKENS,
    plannerQueue: data.SHOAL_PLANNER_QUEUE,
    encoderContexts: data.SHOAL_ENCODER_CONTEXTS,
  });
};

const modelSource = (value: string): ModelSource => {
  if (value === "default" || value === "none") return { kind: value };
  return /^(hf|huggingface|https?):/.test(value) ? { kind: "hub", uri: value } : { kind: "file", path: value };
};
