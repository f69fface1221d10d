import { writeSse } from "../../shared/sse.ts";

type Chunk = { readonly delta?: object; readonly finish?: string; readonly usage?: object };

const chunkOf = ({ delta, finish, usage }: Chunk) => ({
  id: "chatcmpl-1",
  object: "chat.completion.chunk",
  created: 1,
  model: "model-x",
  choices:
    delta === undefined && finish === undefined
      ? []
      : [{ index: 0, delta: delta ?? {}, finish_reason: finish ?? null }],
  ...(usage && { usage }),
});

/** A host's answer in Chat Completions, as server-sent events. */
export const chatStream = (...chunks: readonly Chunk[]): string =>
  chunks.map((chunk) => writeSse({ data: JSON.stringify(chunkOf(chunk)) })).join("");

export const done = writeSse({ data: "[DONE]" });

/** A text, its end and its usage. */
export const wholeText = (text: string, input: number, output: number): string =>
  chatStream(
    { delta: { role: "assistant", content: text } },
    { finish: "stop" },
    { usage: { prompt_tokens: input, completion_tokens: output, total_tokens: input + output } },
  ) + done;

export const eventStream = (body: string | ReadableStream<Uint8Array>): Response =>
  new Response(body, { headers: { "content-type": "text/event-stream" } });

/** A response that is written by hand. */
export const openStream = () => {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  const encoder = new TextEncoder();
  return {
    response: eventStream(readable),
    write: (text: string) => writer.write(encoder.encode(text)),
    close: () => writer.close(),
  };
};
