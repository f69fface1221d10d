import {
  LlamaGrammarEvaluationState,
  resolveChatWrapper,
  type Llama,
  type LlamaContextSequence,
  type LlamaGrammar,
  type LlamaModel,
  type Token,
} from "node-llama-cpp";
import type { Message } from "../shared/chat.ts";
import { err, ok, type Result } from "../shared/result.ts";
import { plannerMessages, shortenJob } from "../shared/planner/prompt.ts";
import type { PlannerJob, WrittenText } from "../shared/planner/job.ts";
import { toHistory } from "./history.ts";
import type { Log } from "./log.ts";
import { createPace } from "./pace.ts";
import { planGrammar, toGbnf, type Round } from "./plan-grammar.ts";
import { createPool, type Lease } from "./pool.ts";

/** Shapes vary, words hold together. */
const temperature = 0.4;

/** What a plan takes until some were written. */
const likelyTokens = 200;

/** Tokens that stay free, so that node-llama-cpp never shifts the context. */
const reservedTokens = 8;

/** Of a request that does not fit, less is not worth planning for. */
const leastCharacters = 250;

/** A plan in the model's words, which follow the grammar, and what it took. */
export type PlannerOutput = Readonly<WrittenText> & {
  /** Tokens of the prompt that were read for this plan; the rest was read before. */
  readonly evaluatedTokens: number;
  readonly ms: number;
};

/** Why no plan was written: it would be, or was, later than the deadline; the prompt leaves no room; a fault. */
export type WritingRefusal = "late" | "too_long" | "failed";

export type Planner = {
  /** Tokens of prompt and plan together. */
  readonly contextTokens: number;
  /** Milliseconds that a first plan is likely to take now, the queue included. */
  readonly expectedMs: () => number;
  /**
   * Writes a plan under its round's grammar. Refuses at once when the queue is full or what is known of the pace makes it later
   * than `deadlineMs`, and when the deadline has come or the signal fires: the model then stops at its next token.
   */
  write(
    job: PlannerJob,
    options: { readonly deadlineMs: number; readonly signal: AbortSignal },
  ): Promise<Result<PlannerOutput, WritingRefusal>>;
  readonly busy: () => number;
  readonly waiting: () => number;
};

export type PlannerOptions = {
  readonly modelPath: string;
  /** Plans that may be written at once. */
  readonly sequences: number;
  readonly maxContextTokens: number;
  /** Output tokens of a plan; its grammar is made to fit. */
  readonly maxTokens: number;
  readonly maxWaiting: number;
  readonly threads: number;
  /** Milliseconds; only differences count. */
  readonly now: () => number;
  /** A number in [0, 1), drawn anew at each call: for the marks of a quotation, the seed. */
  readonly random: () => number;
  readonly log: Log;
};

/**
 * The generative conductor (arXiv 2512.04388): a GGUF that writes workflows. Each sequence reads the prompt's fixed head
 * once, when the model is loaded; what a request adds is forgotten when its plan is done. `dispose` of the Llama frees it.
 */
export const loadPlanner = async (llama: Llama, options: PlannerOptions): Promise<Planner> => {
  const { maxTokens, now } = options;
  const model = await llama.loadModel({ modelPath: options.modelPath });
  const context = await model.createContext({
    sequences: options.sequences,
    contextSize: { max: Math.min(options.maxContextTokens, model.trainContextSize) },
    threads: options.threads,
  });
  const toTokens = createTokens(model);
  const head = commonPrefix(toTokens(probe("one")), toTokens(probe("two")));
  const room = context.contextSize - maxTokens - reservedTokens;
  const reading = createPace(now);
  const writing = createPace(now);
  const meanTokens: Record<Round, number> = { first: likelyTokens, revising: likelyTokens };

  const sequences = Array.from({ length: options.sequences }, () => context.getSequence());
  for (const sequence of sequences) {
    const start = now();
    await sequence.evaluateWithoutGeneratingNewTokens([...head]);
    reading.learn(now() - start, head.length);
    // Recurrent models and those with a sliding window go back to the head only so; for others it does nothing.
    await sequence.takeCheckpoint();
  }
  const pool = createPool(sequences, { maxWaiting: options.maxWaiting });
  const grammarFor = createGrammars(llama, maxTokens);

  const estimate = (inputTokens: number, round: Round): number => {
    const own = reading.estimate(inputTokens, 0) + writing.estimate(meanTokens[round], 0);
    const ahead = pool.busy() < sequences.length ? 0 : (pool.waiting() + 1) / sequences.length;
    return own * (1 + ahead);
  };

  const fit = (job: PlannerJob): readonly Token[] | null => {
    const boundary = Math.floor(options.random() * 36 ** 8).toString(36);
    const longest = Math.max(job.task.text.length, job.first?.answer.length ?? 0);
    for (let characters = longest; ; characters = Math.floor(characters / 2)) {
      const tokens = toTokens(plannerMessages(shortenJob(job, characters), boundary));
      if (tokens.length <= room) return tokens;
      if (characters < leastCharacters) return null;
    }
  };

  const generate = async (run: Run): Promise<Result<PlannerOutput, WritingRefusal>> => {
    const { lease, tokens, patience, round } = run;
    const sequence = lease.item;
    const start = now();
    try {
      await sequence.adaptStateToTokens([...tokens], false);
      const fresh = tokens.slice(sequence.nextTokenIndex);
      const output: Token[] = [];
      let firstAt: number | null = null;
      const evaluation = sequence.evaluate(fresh, {
        temperature,
        seed: Math.floor(options.random() * 2 ** 32),
        grammarEvaluationState: new LlamaGrammarEvaluationState({ model, grammar: run.grammar }),
        yieldEogToken: true,
      });
      for await (const token of evaluation) {
        if (firstAt === null) {
          firstAt = now();
          reading.learn(firstAt - start, fresh.length);
        }
        if (patience.aborted || model.isEogToken(token)) break;
        output.push(token);
      }
      const ms = now() - start;
      if (output.length > 0 && firstAt !== null) writing.learn(start + ms - firstAt, output.length);
      if (patience.aborted) return err("late");
      meanTokens[round] += (output.length - meanTokens[round]) / 8;
      return ok({
        text: model.detokenize(output),
        inputTokens: tokens.length,
        evaluatedTokens: fresh.length,
        outputTokens: output.length,
        ms,
      });
    } catch (error) {
      // Its name only: some of the library's messages quote the prompt.
      options.log("planner-failed", { error: error instanceof Error ? error.name : "unknown" });
      return err("failed");
    } finally {
      await forget(sequence, head.length).finally(lease.giveBack);
    }
  };

  return {
    contextTokens: context.contextSize,
    expectedMs: () => estimate(0, "first"),
    async write(job, { deadlineMs, signal }) {
      const round: Round = job.first === undefined ? "first" : "revising";
      const [tokens, grammar] = [fit(job), await grammarFor(job.workers.length, round)];
      if (tokens === null || grammar === null) return err("too_long");
      if (estimate(tokens.length - head.length, round) > deadlineMs) return err("late");
      const patience = AbortSignal.any([signal, AbortSignal.timeout(Math.min(Math.ceil(deadlineMs), maxTimerMs))]);
      const lease = await pool.lend(patience);
      if (!lease.ok) return err("late");
      // A batch that is being evaluated cannot be stopped: who waits is answered, and the sequence comes back later.
      return Promise.race([generate({ lease: lease.value, tokens, grammar, round, patience }), whenLate(patience)]);
    },
    busy: pool.busy,
    waiting: pool.waiting,
  };
};

const maxTimerMs = 2 ** 31 - 1;

type Run = {
  readonly lease: Lease<LlamaContextSequence>;
  readonly tokens: readonly Token[];
  readonly grammar: LlamaGrammar;
  readonly round: Round;
  readonly patience: AbortSignal;
};

const whenLate = (patience: AbortSignal) =>
  new Promise<Result<PlannerOutput, WritingRefusal>>((resolve) => {
    if (patience.aborted) return resolve(err("late"));
    patience.addEventListener("abort", () => resolve(err("late")), { once: true });
  });

/** What one request has left in the sequence must show in no other's plan, nor in how fast it comes. */
const forget = async (sequence: LlamaContextSequence, head: number): Promise<void> => {
  if (sequence.nextTokenIndex <= head) return;
  await sequence.eraseContextTokenRanges([{ start: head, end: sequence.nextTokenIndex }]);
};

/** Messages as the model's own template writes them, up to where its answer begins. */
const createTokens = (model: LlamaModel) => {
  const wrapper = resolveChatWrapper(model, { warningLogs: false });
  return (messages: readonly Message[]): readonly Token[] => {
    const chatHistory = [...toHistory(messages), { type: "model" as const, response: [] }];
    return wrapper.generateContextState({ chatHistory }).contextText.tokenize(model.tokenizer);
  };
};

/** Two prompts that share nothing but the fixed head. */
const probe = (text: string): readonly Message[] =>
  plannerMessages(
    {
      task: { system: "", text, attachments: 0, earlier: [] },
      workers: [{ quality: text === "one" ? 0.1 : 0.2, costDollars: null, latencyMs: null }],
    },
    text,
  );

const commonPrefix = (a: readonly Token[], b: readonly Token[]): readonly Token[] => {
  const different = a.findIndex((token, at) => token !== b[at]);
  return different < 0 ? a : a.slice(0, different);
};

/** One for each number of workers and round, made when it is first needed; null where the token budget is too small. */
const createGrammars = (llama: Llama, maxTokens: number) => {
  const made = new Map<string, Promise<LlamaGrammar> | null>();
  return (workers: number, round: Round): Promise<LlamaGrammar> | null => {
    const key = `${round}-${workers}`;
    const known = made.get(key);
    if (known !== undefined) return known;
    const grammar = planGrammar(workers, maxTokens, round);
    const making = grammar === null ? null : llama.createGrammar({ grammar: toGbnf(grammar) });
    made.set(key, making);
    return making;
  };
};
