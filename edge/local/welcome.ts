import * as z from "zod";

/** What the launcher reads of the edge's `GET /v1/models`. */
const modelsSchema = z.looseObject({ data: z.array(z.looseObject({ id: z.string() })) });

/**
 * What the operator reads once everything answers: where it is, the key, who is in the pool and who is not, and a
 * request to paste. `models` is the body of the edge's `GET /v1/models`.
 */
export const writeWelcome = (input: {
  readonly url: string;
  readonly key: string;
  readonly models: string;
  readonly localOnly: boolean;
}): string => {
  const { data } = modelsSchema.parse(JSON.parse(input.models));
  return [
    "",
    `Shoal is ready at ${input.url}`,
    `Key: ${input.key}`,
    "",
    `Models: ${data.map((model) => model.id).join(", ")}`,
    ...(input.localOnly ? ["", localOnlyNote] : []),
    "",
    "Paste into a shell:",
    "",
    curl(input),
    "",
    "Or with the openai SDK:",
    "",
    typescript(input),
    "",
  ].join("\n");
};

const localOnlyNote = `No provider has a key, so the only worker is one small local model. It shows that the plumbing works and says
nothing of the quality of Shoal. Set a key to conduct real models:

  OPENAI_API_KEY=... npm start`;

const question = "Why do shoals of fish turn together?";

const curl = ({ url, key }: { url: string; key: string }): string => `curl -N ${url}/v1/chat/completions \\
  -H 'authorization: Bearer ${key}' \\
  -H 'content-type: application/json' \\
  -d '{"model":"shoal-mini","stream":true,"messages":[{"role":"user","content":"${question}"}]}'`;

const typescript = ({ url, key }: { url: string; key: string }): string => `import OpenAI from "openai";

const shoal = new OpenAI({ baseURL: "${url}/v1", apiKey: "${key}" });
const stream = await shoal.chat.completions.create({
  model: "shoal-mini",
  stream: true,
  messages: [{ role: "user", content: "${question}" }],
});
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta.content ?? "");`;
