import type { ChatRequest, Message } from "./chat.ts";

/** What a chat template may add around a message or a tool call, in tokens. */
const perMessage = 16;
/** Above what any vendor's own words about tools or a schema take. */
const perDeclarations = 1_000;
/** Above what any vendor is known to count for one image. */
const perImage = 36_000;
/** A page of a document, as text and as an image, and the bytes that one takes in a file of ordinary documents. */
const perPage = 3_000;
const bytesPerPage = 50_000;
/** English and code are near four bytes a token; a byte-level vocabulary never needs more than one a byte. */
const bytesPerToken = 4;

const encoder = new TextEncoder();
const bytesOf = (text: string): number => encoder.encode(text).length;

/** `bytes`: of text and of files alike. `frames`: messages and tool calls. */
type Size = {
  readonly bytes: number;
  readonly documentBytes: number;
  readonly images: number;
  readonly frames: number;
};

const sizeOf = (message: Message): Size => {
  if (message.role === "system") {
    return { bytes: bytesOf(message.text), documentBytes: 0, images: 0, frames: 1 };
  }
  let bytes = message.role === "user" ? bytesOf(message.name ?? "") : 0;
  let documentBytes = 0;
  let images = 0;
  let frames = 1;
  for (const part of message.content) {
    if (part.type === "image") images += 1;
    else if (part.type === "file") {
      const size = Math.ceil((part.base64.length * 3) / 4);
      bytes += size;
      if (!part.mediaType.startsWith("text/")) documentBytes += size;
    } else if (part.type === "tool-call") {
      bytes += bytesOf(part.name) + bytesOf(part.arguments);
      frames += 1;
    } else bytes += bytesOf(part.text);
  }
  return { bytes, documentBytes, images, frames };
};

const declares = ({ tools, output }: ChatRequest): boolean => tools.length > 0 || output.type === "json_schema";

const measure = (chat: ChatRequest): Size => {
  const sizes = chat.messages.map(sizeOf);
  const declared = declares(chat) ? bytesOf(JSON.stringify([chat.tools, chat.output])) : 0;
  return {
    bytes: sizes.reduce((sum, size) => sum + size.bytes, declared),
    documentBytes: sizes.reduce((sum, size) => sum + size.documentBytes, 0),
    images: sizes.reduce((sum, size) => sum + size.images, 0),
    frames: sizes.reduce((sum, size) => sum + size.frames, 0),
  };
};

/**
 * `likely`: for choosing and predicting. `bound`: never below what a vendor will count, for reserving dollars; `images`
 * are in it at what the costliest vendor counts for one.
 */
export type InputTokens = { readonly likely: number; readonly bound: number; readonly images: number };

/** The bound at one worker, whose card says what an image is there, and how much it takes at all. */
export const boundInput = (
  { bound, images }: Pick<InputTokens, "bound" | "images">,
  { imageTokens = perImage, contextTokens }: { readonly imageTokens?: number; readonly contextTokens: number },
): number => Math.min(contextTokens, bound - images * (perImage - imageTokens));

export const countInput = (chat: ChatRequest): InputTokens => {
  const { bytes, documentBytes, images, frames } = measure(chat);
  const pages = Math.ceil(documentBytes / bytesPerPage);
  const declarations = declares(chat) ? perDeclarations : 0;
  return {
    likely: Math.ceil((bytes - documentBytes) / bytesPerToken) + pages * perPage + images * 1_000 + frames * 4,
    bound: bytes + images * perImage + (frames + 1) * perMessage + declarations,
    images,
  };
};

/** At most this many tokens were emitted to have produced the text. */
export const boundOutput = (text: string): number => bytesOf(text);
