import { request, type Agent } from "node:http";
import { createSseReader } from "../../shared/sse.ts";

export type Target = {
  /** The whole address. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
};

/** An answer as it came in. Times are in milliseconds of the clock that was given. */
export type Reply = {
  readonly status: number;
  /** The plan that the gateway names, if it is one that does. */
  readonly plan: string | null;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly chunks: readonly { readonly at: number; readonly bytes: Buffer }[];
};

/** Asks once, and does nothing else until the answer is complete. Rejects when the connection fails. */
export const ask = (
  { url, headers }: Target,
  body: string,
  { agent, now }: { readonly agent: Agent; readonly now: () => number },
): Promise<Reply> =>
  new Promise((resolve, reject) => {
    const chunks: { at: number; bytes: Buffer }[] = [];
    const startedAt = now();
    const length = String(Buffer.byteLength(body));
    const outgoing = request(
      url,
      { agent, method: "POST", headers: { ...headers, "content-type": "application/json", "content-length": length } },
      (response) => {
        const plan = response.headers["x-shoal-plan"];
        response.on("data", (bytes: Buffer) => chunks.push({ at: now(), bytes }));
        response.on("error", reject);
        response.on("end", () => {
          const status = response.statusCode ?? 0;
          resolve({ status, plan: typeof plan === "string" ? plan : null, startedAt, endedAt: now(), chunks });
        });
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body);
  });

/** What an answer says, and when its pieces of text came, in milliseconds since it was asked for. */
export type Answer = { readonly content: string; readonly complete: boolean; readonly deltasAt: readonly number[] };

/** Throws when the body is not of the wire format. */
export const readAnswer = (reply: Reply, stream: boolean): Answer => (stream ? readStream(reply) : readJson(reply));

type Completion = {
  readonly choices?: readonly {
    readonly message?: { readonly content?: string };
    readonly delta?: { readonly content?: string };
  }[];
};

const parseCompletion = (text: string): Completion => JSON.parse(text);

const readJson = (reply: Reply): Answer => ({
  content: parseCompletion(textOf(reply)).choices?.[0]?.message?.content ?? "",
  complete: true,
  deltasAt: [],
});

const readStream = ({ chunks, startedAt }: Reply): Answer => {
  const reader = createSseReader();
  const decoder = new TextDecoder();
  const deltas: { readonly text: string; readonly at: number }[] = [];
  let complete = false;
  for (const { at, bytes } of chunks) {
    for (const { data } of reader.push(decoder.decode(bytes, { stream: true }))) {
      const text = data === "[DONE]" ? "" : (parseCompletion(data).choices?.[0]?.delta?.content ?? "");
      if (text !== "") deltas.push({ text, at: at - startedAt });
      complete ||= data === "[DONE]";
    }
  }
  return { content: deltas.map(({ text }) => text).join(""), complete, deltasAt: deltas.map(({ at }) => at) };
};

export const textOf = ({ chunks }: Pick<Reply, "chunks">): string =>
  Buffer.concat(chunks.map(({ bytes }) => bytes)).toString();
