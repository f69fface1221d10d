import {
  LlamaChat,
  resolveChatWrapper,
  type ChatHistoryItem,
  type ChatModelFunctions,
  type ChatWrapper,
  type GbnfJsonSchema,
  type Llama,
  type LlamaChatResponse,
  type LlamaContextSequence,
  type LlamaGrammar,
} from "node-llama-cpp";
import type { ChatRequest, Tool } from "../shared/chat.ts";
import type { CallEvent, EndReason } from "../shared/events.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { toGrammarSchema } from "./grammar.ts";
import { toHistory } from "./history.ts";
import type { Log } from "./log.ts";
import { createPool, type Lease } from "./pool.ts";
import { unavailable, type ServiceError } from "./wire.ts";

/** Small models repeat themselves when greedy and ramble when hot. */
const defaultTemperature = 0.2;

/** Tokens that stay free, so that node-llama-cpp never shortens a history on its own. */
const reservedTokens = 8;

const maxParallelCalls = 8;

export type ChatModel = {
  /** Tokens of prompt and answer together. */
  readonly contextTokens: number;
  /**
   * Waits for a sequence, then writes. The events end with `end` or `error`; canceling them, or the signal, stops the
   * model at its next token, and only then does the sequence return to the pool.
   */
  answer(chat: ChatRequest, signal: AbortSignal): Promise<Result<ReadableStream<CallEvent>, ServiceError>>;
  readonly busy: () => number;
  readonly waiting: () => number;
};

export type ChatOptions = {
  readonly modelPath: string;
  readonly sequences: number;
  readonly maxContextTokens: number;
  readonly maxWaiting: number;
  readonly threads: number;
  readonly newCallId: () => string;
  readonly log: Log;
};

/** Loads a GGUF and opens one context with so many sequences; `dispose` of the Llama frees both. */
export const loadChatModel = async (llama: Llama, options: ChatOptions): Promise<ChatModel> => {
  const model = await llama.loadModel({ modelPath: options.modelPath });
  const context = await model.createContext({
    sequences: options.sequences,
    contextSize: { max: Math.min(options.maxContextTokens, model.trainContextSize) },
    threads: options.threads,
  });
  const sequences = Array.from({ length: options.sequences }, () => context.getSequence());
  const pool = createPool(sequences, { maxWaiting: options.maxWaiting });
  const wrapper = resolveChatWrapper(model, { warningLogs: false });

  return {
    contextTokens: context.contextSize,
    async answer(chat, signal) {
      const prompt = await toPrompt(chat, llama, wrapper);
      if (!prompt.ok) return prompt;
      const promptTokens = countTokens(prompt.value, model.tokenizer);
      const room = context.contextSize - promptTokens - reservedTokens;
      if (room < 1) {
        return err({
          kind: "context_too_long",
          tokens: promptTokens,
          limitTokens: context.contextSize - reservedTokens - 1,
        });
      }
      const lease = await pool.lend(signal);
      if (!lease.ok) return err(unavailable("overloaded", "every sequence is taken and the queue is full", 1));
      const maxTokens = Math.min(room, chat.maxOutputTokens ?? room);
      return ok(
        write({
          chat,
          prompt: prompt.value,
          promptTokens,
          maxTokens,
          lease: lease.value,
          signal,
          options,
        }),
      );
    },
    busy: pool.busy,
    waiting: pool.waiting,
  };
};

type Prompt = {
  readonly history: ChatHistoryItem[];
  readonly wrapper: ChatWrapper;
  readonly functions: ChatModelFunctions | null;
  readonly grammar: LlamaGrammar | null;
};

const toPrompt = async (
  chat: ChatRequest,
  llama: Llama,
  wrapper: ChatWrapper,
): Promise<Result<Prompt, ServiceError>> => {
  const history = toHistory(chat.messages);
  const { toolChoice } = chat;
  if (chat.tools.length > 0 && toolChoice !== "none") {
    const offered =
      typeof toolChoice === "object" ? chat.tools.filter((tool) => tool.name === toolChoice.name) : chat.tools;
    const functions = await toFunctions(offered, llama);
    if (!functions.ok) return functions;
    const forced = toolChoice === "auto" ? wrapper : forcingCall(wrapper);
    return ok({ history, wrapper: forced, functions: functions.value, grammar: null });
  }
  const grammar = await toGrammar(chat, llama);
  return grammar.ok ? ok({ history, wrapper, functions: null, grammar: grammar.value }) : grammar;
};

const toFunctions = async (tools: readonly Tool[], llama: Llama): Promise<Result<ChatModelFunctions, ServiceError>> => {
  const functions: Record<string, ChatModelFunctions[string]> = {};
  for (const [index, tool] of tools.entries()) {
    const description = tool.description === undefined ? {} : { description: tool.description };
    if (tool.parameters === undefined) {
      functions[tool.name] = description;
      continue;
    }
    const param = `tools[${index}].function.parameters`;
    const params = toGrammarSchema(tool.parameters, { param, strict: tool.strict ?? false });
    if (!params.ok) return params;
    const grammar = await compile(llama, params.value, param);
    if (!grammar.ok) return grammar;
    functions[tool.name] = { ...description, params: params.value };
  }
  return ok(functions);
};

/** The same wrapper, but the answer begins inside a function call and there is no way out of it. */
const forcingCall = (wrapper: ChatWrapper): ChatWrapper =>
  Object.create(wrapper, {
    generateContextState: {
      value: (options: Parameters<ChatWrapper["generateContextState"]>[0]) => {
        const { contextText, stopGenerationTriggers } = wrapper.generateContextState(options);
        return {
          contextText,
          stopGenerationTriggers,
          functionCall: { initiallyEngaged: true, disengageInitiallyEngaged: [] },
        };
      },
    },
  });

const toGrammar = async ({ output }: ChatRequest, llama: Llama): Promise<Result<LlamaGrammar | null, ServiceError>> => {
  if (output.type === "text") return ok(null);
  const param = "response_format.json_schema.schema";
  const schema: Result<GbnfJsonSchema, ServiceError> =
    output.type === "json_object"
      ? ok({ type: "object", additionalProperties: true })
      : toGrammarSchema(output.schema, { param, strict: output.strict ?? false });
  if (!schema.ok) return schema;
  return compile(llama, schema.value, param);
};

/** What converts may still not compile: a definition that is only itself, for one. */
const compile = async (
  llama: Llama,
  schema: GbnfJsonSchema,
  param: string,
): Promise<Result<LlamaGrammar, ServiceError>> => {
  try {
    return ok(await llama.createGrammarForJsonSchema<GbnfJsonSchema>(schema));
  } catch {
    return err({ kind: "invalid_request", message: `${param}: no grammar can be made of it`, param });
  }
};

const countTokens = (
  { wrapper, history, functions }: Prompt,
  tokenizer: LlamaContextSequence["model"]["tokenizer"],
) => {
  const chatHistory: ChatHistoryItem[] =
    history.at(-1)?.type === "model" ? history : [...history, { type: "model", response: [] }];
  const state = wrapper.generateContextState({
    chatHistory,
    ...(functions && { availableFunctions: functions, documentFunctionParams: true }),
  });
  return state.contextText.tokenize(tokenizer).length;
};

type Writing = {
  readonly chat: ChatRequest;
  readonly prompt: Prompt;
  readonly promptTokens: number;
  readonly maxTokens: number;
  readonly lease: Lease<LlamaContextSequence>;
  readonly signal: AbortSignal;
  readonly options: Pick<ChatOptions, "newCallId" | "log">;
};

const write = (writing: Writing): ReadableStream<CallEvent> => {
  const canceled = new AbortController();
  const signal = AbortSignal.any([writing.signal, canceled.signal]);
  return new ReadableStream<CallEvent>({
    start(controller) {
      const run = async () => {
        await generate(writing, signal, (event) => {
          if (!canceled.signal.aborted) controller.enqueue(event);
        });
        if (!canceled.signal.aborted) controller.close();
      };
      // Not awaited: a stream can be canceled only once its start has returned.
      void run();
    },
    cancel: () => canceled.abort(),
  });
};

/** Never rejects: a failure is the last event. */
const generate = async (writing: Writing, signal: AbortSignal, emit: (event: CallEvent) => void): Promise<void> => {
  const { lease, prompt } = writing;
  const sequence = lease.item;
  const before = sequence.tokenMeter.getState();
  const session = new LlamaChat({ contextSequence: sequence, chatWrapper: prompt.wrapper });
  try {
    emit({ type: "start" });
    // What another chat left in the sequence must show in no answer, nor in how fast one comes.
    await sequence.clearHistory();
    const response = await respond(session, writing, signal, emit);
    emitUsage();
    emit({ type: "end", reason: endReasons[response.metadata.stopReason] });
  } catch (error) {
    // Its name only: some of the library's messages quote the answer.
    if (!signal.aborted) writing.options.log("chat-failed", { error: error instanceof Error ? error.name : "unknown" });
    emitUsage();
    const message = "the answer was cut: the service is stopping or the client has gone";
    emit({
      type: "error",
      error: signal.aborted ? { kind: "no_worker", message, retryAfterSeconds: 1 } : { kind: "internal" },
    });
  } finally {
    session.dispose({ disposeSequence: false });
    lease.giveBack();
  }

  function emitUsage() {
    const { usedOutputTokens } = sequence.tokenMeter.diff(before);
    const usage = {
      inputTokens: writing.promptTokens,
      cachedInputTokens: 0,
      cacheWriteTokens: 0,
      outputTokens: usedOutputTokens,
    };
    emit({ type: "usage", usage: { ...usage, reasoningTokens: 0, source: "reported" } });
  }
};

const endReasons: Record<LlamaChatResponse["metadata"]["stopReason"], EndReason> = {
  eogToken: "stop",
  stopGenerationTrigger: "stop",
  customStopTrigger: "stop",
  functionCalls: "tool_calls",
  maxTokens: "length",
  abort: "stop",
};

const respond = (session: LlamaChat, writing: Writing, signal: AbortSignal, emit: (event: CallEvent) => void) => {
  const { chat, prompt, maxTokens, options } = writing;
  const { temperature = defaultTemperature, topP, seed, frequencyPenalty, presencePenalty } = chat.sampling;
  const common = {
    signal,
    maxTokens,
    temperature,
    ...(topP !== undefined && { topP }),
    ...(seed !== undefined && { seed: Math.abs(seed) % 2 ** 32 }),
    repeatPenalty: {
      ...(frequencyPenalty !== undefined && { frequencyPenalty }),
      ...(presencePenalty !== undefined && { presencePenalty }),
    },
    customStopTriggers: chat.stop,
    onResponseChunk: (chunk: { readonly type: "segment" | undefined; readonly text: string }) => {
      if (chunk.text === "") return;
      emit({ type: chunk.type === undefined ? "text-delta" : "reasoning-delta", text: chunk.text });
    },
  };
  if (prompt.functions === null) {
    return session.generateResponse(prompt.history, { ...common, ...(prompt.grammar && { grammar: prompt.grammar }) });
  }
  let index = -1;
  return session.generateResponse(prompt.history, {
    ...common,
    functions: prompt.functions,
    documentFunctionParams: true,
    maxParallelFunctionCalls: chat.parallelToolCalls === false ? 1 : maxParallelCalls,
    onFunctionCall: ({ functionName, params }) => {
      index += 1;
      emit({ type: "tool-call-start", index, id: options.newCallId(), name: functionName });
      emit({ type: "tool-call-delta", index, arguments: JSON.stringify(params ?? {}) });
    },
  });
};
