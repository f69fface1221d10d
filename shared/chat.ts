/**
 * The canonical request: what every client format is read into and every vendor's body is written from.
 * Formats and providers translate at the rim; nothing between them sees a client's or a vendor's shape.
 */

/** Reasoning efforts in ascending order (OpenAI's names, `max` as Anthropic has it). */
export const reasoningEfforts = ["none", "minimal", "low", "medium", "high", "xhigh", "max"] as const;
export type ReasoningEffort = (typeof reasoningEfforts)[number];

/**
 * The client asks that the prompt be cached up to here. Sent to vendors that cache on demand; all others cache by
 * themselves, so that nothing is lost where it is left out.
 */
export type CacheMark = { readonly cacheHere?: true };

export type TextPart = CacheMark & { readonly type: "text"; readonly text: string };

/** Bytes as base64, or a URL that is handed to vendors that accept one and never fetched by Shoal. */
export type ImagePart = CacheMark & {
  readonly type: "image";
  readonly source: { readonly mediaType: string; readonly base64: string } | { readonly url: string };
  readonly detail?: "auto" | "low" | "high";
};

export type FilePart = CacheMark & {
  readonly type: "file";
  readonly name?: string;
  readonly mediaType: string;
  readonly base64: string;
};

/**
 * A model's thoughts; `signature` is the vendor's proof that they are its own and must travel back unchanged. `progress`:
 * no model's, but what was told of a team at work, under our own signature; no vendor gets it.
 */
export type ReasoningPart = {
  readonly type: "reasoning";
  readonly text: string;
  readonly signature?: string;
  readonly progress?: true;
};

/** `arguments` is the JSON text exactly as the model wrote it. */
export type ToolCallPart = CacheMark & {
  readonly type: "tool-call";
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
  readonly signature?: string;
};

export type RefusalPart = { readonly type: "refusal"; readonly text: string };

export type UserPart = TextPart | ImagePart | FilePart;
export type AssistantPart = TextPart | ReasoningPart | ToolCallPart | RefusalPart;

export type Message =
  /** OpenAI's `system` and `developer` alike. */
  | (CacheMark & { readonly role: "system"; readonly text: string })
  | { readonly role: "user"; readonly content: readonly UserPart[]; readonly name?: string }
  | { readonly role: "assistant"; readonly content: readonly AssistantPart[] }
  | (CacheMark & {
      readonly role: "tool";
      readonly toolCallId: string;
      readonly content: readonly (TextPart | ImagePart)[];
      readonly isError?: boolean;
    });

export type JsonSchema = { readonly [key: string]: unknown };

export type Tool = CacheMark & {
  readonly name: string;
  readonly description?: string;
  /** JSON Schema of the arguments; absent means a function without arguments. */
  readonly parameters?: JsonSchema;
  readonly strict?: boolean;
};

export type ToolChoice = "auto" | "none" | "required" | { readonly name: string };

export type OutputFormat =
  | { readonly type: "text" }
  | { readonly type: "json_object" }
  | {
      readonly type: "json_schema";
      readonly name: string;
      readonly schema: JsonSchema;
      readonly description?: string;
      readonly strict?: boolean;
    };

export type Sampling = {
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly frequencyPenalty?: number;
  readonly presencePenalty?: number;
  readonly seed?: number;
};

/** `cacheHere` of the request itself: up to its last message. */
export type ChatRequest = CacheMark & {
  /** As the client named it: `shoal-mini`, `shoal-ultra`, an alias, or `<provider>/<model>`. */
  readonly model: string;
  readonly messages: readonly Message[];
  readonly tools: readonly Tool[];
  readonly toolChoice: ToolChoice;
  readonly parallelToolCalls?: boolean;
  readonly output: OutputFormat;
  readonly reasoningEffort?: ReasoningEffort;
  /**
   * The client wants the model's thoughts: their proof, to send back, and a summary where it says of which kind. A
   * vendor that keeps them to itself unless asked is asked.
   */
  readonly thoughts?: { readonly summary?: "auto" | "concise" | "detailed" };
  readonly sampling: Sampling;
  /** The answer's tokens are wanted with their log probabilities, and so many of the likeliest others at each place. */
  readonly logprobs?: { readonly top: number };
  /** How much is said; a vendor's default when absent. */
  readonly verbosity?: "low" | "high";
  /** Upper bound of output tokens, reasoning included. */
  readonly maxOutputTokens?: number;
  readonly stop: readonly string[];
  /** The client's end-user id, passed on where the vendor has a field for it. */
  readonly user?: string;
  readonly metadata: Readonly<Record<string, string>>;
};

/** Text of a message's text parts, joined by newlines. */
export const textOf = (message: Message): string =>
  message.role === "system"
    ? message.text
    : message.content
        .filter((part): part is TextPart => part.type === "text")
        .map((part) => part.text)
        .join("\n");

/** Text of the last user turn: what the conductor reads. Empty when there is none. */
export const lastUserText = (messages: readonly Message[]): string => {
  const last = messages.findLast((message) => message.role === "user");
  return last ? textOf(last) : "";
};

export const systemText = (messages: readonly Message[]): string =>
  messages
    .filter((message) => message.role === "system")
    .map((message) => message.text)
    .join("\n\n");

/** The tool results that this turn brings, in whatever company. */
export const newResults = (messages: readonly Message[]): readonly Extract<Message, { role: "tool" }>[] =>
  messages
    .slice(messages.findLastIndex((message) => message.role === "assistant") + 1)
    .filter((message) => message.role === "tool");

/** Whether the turn is an action: it offers tools, calls them or answers their calls. Such a turn goes to one worker. */
export const usesTools = (chat: ChatRequest): boolean =>
  (chat.tools.length > 0 && chat.toolChoice !== "none") || newResults(chat.messages).length > 0;
