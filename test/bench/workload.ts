/**
 * The fixed work of every row: what is asked, and what the upstream answers. Each answer holds the number of its
 * request, so an answer that went astray is seen.
 */

/**
 * How the upstream gives its answer. `whole`: all of it at once, as one body or, where a stream is asked for, as one
 * piece of a stream. The others: delta by delta, with this many milliseconds between two.
 */
export const spacingMs = { whole: null, unspaced: 0, spaced: 5, slow: 500 } as const;
export type Pace = keyof typeof spacingMs;

/** Pieces of text in an answer; one more piece follows with the finish reason. */
const deltas = 16;

export type Question = {
  readonly model: string;
  readonly pace: Pace;
  readonly stream: boolean;
  /** Which request it is. */
  readonly request: number;
  /** Which conversation it belongs to: those with the same number start with the same words. */
  readonly conversation: number;
};

const digits = 6;
const numbered = (value: number): string => String(value).padStart(digits, "0");

const background =
  "A shoal is any group of fish that stay together for social reasons; a school swims in the same direction in a coordinated manner. " +
  "Fish gain from it by defense against predators, by better foraging, and by moving with less effort. ".repeat(4);

const firstAnswer =
  "Each fish follows its nearest neighbors by sight and by the pressure waves that its lateral line senses. ".repeat(3);

/** The second turn of a conversation, in the wire format of Chat Completions. */
export const writeQuestion = ({ model, pace, stream, request, conversation }: Question): string =>
  JSON.stringify({ ...firstTurn(model, conversation), ...secondTurn(conversation, pace, request), stream });

/** The turn before: after it the conversation has a worker. */
export const writeFirstTurn = (model: string, conversation: number): string =>
  JSON.stringify(firstTurn(model, conversation));

const firstTurn = (model: string, conversation: number) => ({
  model,
  max_completion_tokens: 256,
  messages: [opening(conversation)],
});

const opening = (conversation: number) => ({
  role: "user",
  content: `Conversation ${numbered(conversation)}. ${background}Why do they turn together?`,
});

const secondTurn = (conversation: number, pace: Pace, request: number) => ({
  messages: [
    opening(conversation),
    { role: "assistant", content: firstAnswer },
    { role: "user", content: `Request ${numbered(request)} at pace ${pace}. ${background}Which fish begins a turn?` },
  ],
});

/** What the upstream reads in a request's last message. */
export const readPace = (text: string): { readonly request: number; readonly pace: Pace } => {
  const [, request, pace] = /^Request (\d+) at pace (\w+)\./.exec(text) ?? [];
  return { request: Number(request ?? 0), pace: isPace(pace) ? pace : "whole" };
};

const isPace = (name: string | undefined): name is Pace => name !== undefined && Object.hasOwn(spacingMs, name);

/** The answer's pieces. */
export const answerOf = (request: number): readonly string[] =>
  Array.from({ length: deltas }, (_, index) => (index === 0 ? numbered(request) : ` turn ${index}`));

/** What was measured with, for the reader of the results. */
export const describeWorkload = (model: string) => ({
  bodyBytes: Buffer.byteLength(writeQuestion({ model, pace: "whole", stream: false, request: 0, conversation: 0 })),
  messages: 3,
  deltas,
  spacingMs: { latency: spacingMs.spaced, throughput: spacingMs.unspaced, memory: spacingMs.slow },
});

export const answerUsage = { prompt_tokens: 420, completion_tokens: 48, total_tokens: 468 } as const;
