import type { PoolReport } from "./pool-report.ts";

/**
 * What the operator reads once everything answers: where it is, the key, who is in the pool and who is not, and a
 * request to paste. `localOnly`: no provider besides the inference service is configured.
 */
export const writeWelcome = (input: {
  /** Null: there is but one. */
  readonly region: string | null;
  readonly url: string;
  readonly key: string;
  readonly pool: PoolReport;
  readonly localOnly: boolean;
}): string =>
  [
    input.region === null ? `Shoal is ready at ${input.url}` : `Region ${input.region} is ready at ${input.url}`,
    `Key: ${input.key}`,
    describePool(input.pool),
    ...(input.localOnly ? [describeLocalOnly(input)] : []),
    `Paste into a shell:\n\n${curl(input)}`,
    `Or with the openai SDK:\n\n${typescript(input)}`,
  ]
    .map((section) => `\n${section}\n`)
    .join("");

const describePool = ({ workers, unconfigured }: PoolReport): string =>
  [
    workers.length === 0 ? "No worker is in the pool." : "Workers in the pool:",
    ...workers.map(({ id, status, strengths }) => `  ${id} (${status}; strengths: ${strengths})`),
    ...(unconfigured.length === 0 ? [] : ["Not in the pool:"]),
    ...unconfigured.map(({ provider, needs, workers: count }) => `  ${provider}, ${count} workers: ${needs}`),
  ].join("\n");

const describeLocalOnly = ({ region, pool }: { readonly region: string | null; readonly pool: PoolReport }): string => {
  const { workers, unconfigured } = pool;
  const lacking = workers.length === 0 ? "Requests get 503 until a provider has a key." : plumbingTest;
  const loading = workers.some(({ status }) => status.startsWith("loading"))
    ? " It is being loaded: until then requests get 503."
    : "";
  const key = unconfigured.map(({ needs }) => /\b[A-Z_]+_API_KEY\b/.exec(needs)?.[0]).find((name) => name);
  if (key === undefined) return `${lacking}${loading}`;
  const how = region === null ? `set a key:\n\n  ${key}=... npm start` : `set a key in .env.${region}:\n\n  ${key}=...`;
  return `${lacking}${loading} For real models, ${how}`;
};

const plumbingTest =
  "No provider has a key, so the only worker is one small local model: a test of the plumbing, not the quality of Shoal.";

const question = "Why do shoals of fish turn together?";

const curl = ({ url, key }: { url: string; key: string }): string => `curl -N ${url}/v1/chat/completions \\
  -H 'authorization: Bearer ${key}' \\
  -H 'content-type: application/json' \\
  -d '{"model":"shoal-mini","stream":true,"messages":[{"role":"user","content":"${question}"}]}'`;

const typescript = ({ url, key }: { url: string; key: string }): string => `import OpenAI from "openai";

const shoal = new OpenAI({
  baseURL: "${url}/v1",
  apiKey: "${key}",
});
const stream = await shoal.chat.completions.create({
  model: "shoal-mini",
  stream: true,
  messages: [{ role: "user", content: "${question}" }],
});
for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta.content ?? "");`;
