/**
 * The upstream of every row, run as a process of its own: Chat Completions on a port of the loopback interface that
 * it prints, with the answers of `workload.ts`.
 */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { setImmediate as turn, setTimeout as delay } from "node:timers/promises";
import * as z from "zod";
import { writeSse } from "../../shared/sse.ts";
import { answerOf, answerUsage, readPace, spacingMs, type Pace } from "./workload.ts";

const bodySchema = z.looseObject({
  model: z.string(),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  messages: z.array(z.looseObject({ content: z.unknown() })).min(1),
});
type Body = z.infer<typeof bodySchema>;

/** Some gateways send a text as a list of one part. */
const contentSchema = z.union([
  z.string(),
  z.tuple([z.looseObject({ text: z.string() })]).transform(([part]) => part.text),
]);

const lastText = (body: Body): string => contentSchema.parse(body.messages.at(-1)?.content);

const headOf = (body: Body, object: string) => ({
  id: "chatcmpl-0",
  object,
  created: 1_700_000_000,
  model: body.model,
});

const answerJson = (body: Body, request: number): string =>
  JSON.stringify({
    ...headOf(body, "chat.completion"),
    choices: [
      {
        index: 0,
        message: { role: "assistant", content: answerOf(request).join(""), refusal: null, annotations: [] },
        logprobs: null,
        finish_reason: "stop",
      },
    ],
    usage: answerUsage,
  });

/** What is written at once: the role with the first delta, each other delta, the end. */
const streamPieces = (body: Body, request: number): readonly string[] => {
  const includeUsage = body.stream_options?.include_usage ?? false;
  const head = { ...headOf(body, "chat.completion.chunk"), ...(includeUsage && { usage: null }) };
  const chunk = (delta: object, finish: string | null = null) =>
    writeSse({
      data: JSON.stringify({ ...head, choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }] }),
    });
  const [first = "", ...others] = answerOf(request).map((content) => chunk({ content }));
  const usage = includeUsage ? writeSse({ data: JSON.stringify({ ...head, choices: [], usage: answerUsage }) }) : "";
  return [
    chunk({ role: "assistant", content: "", refusal: null }) + first,
    ...others,
    chunk({}, "stop") + usage + writeSse({ data: "[DONE]" }),
  ];
};

const pauseAt = async (pace: Pace): Promise<void> => {
  const ms = spacingMs[pace];
  if (ms === 0) await turn();
  else if (ms !== null) await delay(ms);
};

const writeStream = async (response: ServerResponse, pieces: readonly string[], pace: Pace): Promise<void> => {
  response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
  if (spacingMs[pace] === null) return void response.end(pieces.join(""));
  for (const [index, piece] of pieces.entries()) {
    if (index > 0) await pauseAt(pace);
    if (response.destroyed) return;
    response.write(piece);
  }
  response.end();
};

const answer = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
  if (incoming.method === "GET") return void response.end();
  const body = bodySchema.parse(JSON.parse(await text(incoming)));
  const { request, pace } = readPace(lastText(body));
  if (body.stream) return writeStream(response, streamPieces(body, request), pace);
  response.writeHead(200, { "content-type": "application/json" });
  response.end(answerJson(body, request));
};

const server = createServer({ keepAliveTimeout: 60_000 }, (incoming, response) => {
  answer(incoming, response).catch((error: unknown) => {
    response.writeHead(400, { "content-type": "application/json" });
    response.end(JSON.stringify({ error: { message: String(error), type: "invalid_request_error" } }));
  });
});

server.listen(0, "127.0.0.1", () => {
  const address = server.address();
  if (typeof address === "object" && address) console.log(address.port);
});
process.stdin.resume().on("end", () => process.exit());
