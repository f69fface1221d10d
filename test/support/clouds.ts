/**
 * Loopback servers that play the clouds which resell the vendors' models: they check how a call is authenticated and
 * addressed, refuse what the cloud would refuse, and answer in the vendor's format. Test equipment only.
 */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { text as readText } from "node:stream/consumers";
import { jwtVerify } from "jose";
import * as z from "zod";
import { serviceAccount } from "./service-account.ts";
import { findSigningProblem } from "./sigv4.ts";
import { type Validate, validateAnthropic, validateChat, validateGoogle, validateResponse } from "./vendor-bodies.ts";
import {
  type Answer,
  errorBody,
  type Write,
  writeAnthropic,
  writeChat,
  writeGoogle,
  writeResponse,
} from "./vendor-streams.ts";

export type CloudCall = { readonly path: string; readonly model: string; readonly body: unknown };

type Seen = { readonly url: URL; readonly headers: Headers; readonly text: string };

/** How a call is to be answered, or why it is not. */
type Verdict =
  | { readonly model: string; readonly write: Write }
  | { readonly problem: string }
  | { readonly json: unknown };

type Cloud = { readonly url: string; readonly stop: () => Promise<void> };

/** What is said unless a test scripts it. `status`: other than 200, an error instead. */
type Script = Answer & { readonly status: number };

const ordinary: Script = {
  status: 200,
  reasoning: [],
  text: ["Fish ", "turn ", "together."],
  toolCalls: [],
  end: "stop",
  usage: { inputTokens: 1000, cachedInputTokens: 200, outputTokens: 100, reasoningTokens: 0 },
};

const bodySchema = z.looseObject({ model: z.string().default("") });

const parse = (text: string) => bodySchema.parse(JSON.parse(text));

const judge = (validate: Validate, body: unknown, verdict: Verdict): Verdict => {
  const [problem] = validate(body);
  return problem === undefined ? verdict : { problem };
};

/** What the clouds saw, and what they refused. */
export type Clouds = {
  readonly azure: Readonly<Record<string, string>>;
  readonly vertex: Readonly<Record<string, string>>;
  readonly bedrock: Readonly<Record<string, string>>;
  readonly calls: readonly CloudCall[];
  readonly problems: readonly string[];
  readonly tokensGiven: () => number;
  script(changes: Partial<Script>): void;
  /** Forgets calls, problems and the script. */
  reset(): void;
  [Symbol.asyncDispose](): Promise<void>;
};

const azureKey = "test-key-of-azure";
const awsKeys = { accessKeyId: "AKIDEXAMPLE", secret: "test-secret-of-bedrock-0123456789abcdef" };
const deployments: Readonly<Record<string, string>> = { "prod-sol": "gpt-6.1-sol-2026-09-29" };

const judgeAzure = ({ url, headers, text }: Seen): Verdict => {
  if (headers.get("authorization") !== `Bearer ${azureKey}`) return { problem: "wrong key" };
  const body = parse(text);
  const model = deployments[body.model];
  if (model === undefined) return { problem: `there is no deployment ${body.model}` };
  if (url.pathname === "/openai/v1/chat/completions") return judge(validateChat, body, { model, write: writeChat });
  if (url.pathname === "/openai/v1/responses") return judge(validateResponse, body, { model, write: writeResponse });
  return { problem: `there is nothing at ${url.pathname}` };
};

const judgeBedrock = async ({ url, headers, text }: Seen): Promise<Verdict> => {
  const request = { method: "POST", url: url.href, headers, body: text };
  const problem = await findSigningProblem(request, { ...awsKeys, region: "eu-central-1", service: "bedrock" });
  if (problem !== null) return { problem };
  const { model, ...body } = parse(text);
  if (url.pathname !== "/anthropic/v1/messages") return { problem: `there is nothing at ${url.pathname}` };
  if (!model.startsWith("eu.anthropic.claude-")) return { problem: `${model} cannot be invoked on demand` };
  if (headers.get("anthropic-version") !== "2023-06-01") return { problem: "no version" };
  return judge(validateHostedClaude, { model, ...body }, { model, write: writeAnthropic });
};

/** Clouds take no automatic caching and no addresses of images. */
const validateHostedClaude: Validate = (body) => [
  ...("cache_control" in z.looseObject({}).parse(body) ? ["cache_control: Extra inputs are not permitted"] : []),
  ...(JSON.stringify(body).includes('"type":"url"') ? ["messages: URL sources are not supported"] : []),
  ...validateAnthropic(body),
];

const vertexPath =
  /^\/(v1|v1beta1)\/projects\/fish-1\/locations\/eu\/publishers\/(google|anthropic)\/models\/([^/:]+):(\w+)$/;

type Account = Awaited<ReturnType<typeof serviceAccount>>;

const createVertexJudge = (publicKey: Account["publicKey"], tokenUrl: () => string) => {
  const tokens: string[] = [];
  const giveToken = async (form: URLSearchParams): Promise<Verdict> => {
    if (form.get("grant_type") !== "urn:ietf:params:oauth:grant-type:jwt-bearer") return { problem: "wrong grant" };
    const { payload } = await jwtVerify(form.get("assertion") ?? "", publicKey, { audience: tokenUrl() });
    if (payload["scope"] !== "https://www.googleapis.com/auth/cloud-platform") return { problem: "wrong scope" };
    tokens.push(`ya29.token-${tokens.length + 1}`);
    return { json: { access_token: tokens.at(-1), expires_in: 3599, token_type: "Bearer" } };
  };
  const judgeCall = ({ url, headers, text }: Seen): Verdict => {
    if (!tokens.includes(headers.get("authorization")?.replace("Bearer ", "") ?? "")) return { problem: "wrong token" };
    const [, , publisher, model = "", method] = vertexPath.exec(url.pathname) ?? [];
    const { model: named, ...body } = parse(text);
    if (named !== "") return { problem: "model: Extra inputs are not permitted" };
    if (publisher === "google" && method === "streamGenerateContent" && url.searchParams.get("alt") === "sse") {
      if ("store" in body) return { problem: "store: Unknown name" };
      return judge(validateGoogle, body, { model, write: writeGoogle });
    }
    const { anthropic_version: version, ...rest } = body;
    if (publisher !== "anthropic" || method !== "streamRawPredict") return { problem: `nothing at ${url.pathname}` };
    if (version !== "vertex-2023-10-16") return { problem: "anthropic_version: Field required" };
    return judge(validateHostedClaude, { model, ...rest }, { model, write: writeAnthropic });
  };
  return {
    tokens,
    judge: (seen: Seen): Verdict | Promise<Verdict> =>
      seen.url.pathname === "/token" ? giveToken(new URLSearchParams(seen.text)) : judgeCall(seen),
  };
};

const startCloud = async (respond: (request: IncomingMessage, response: ServerResponse) => void): Promise<Cloud> => {
  const server = createServer(respond).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address !== "object" || !address) throw new Error("the server has no port");
  return {
    url: `http://127.0.0.1:${address.port}`,
    async stop() {
      const over = once(server, "close");
      server.close();
      server.closeAllConnections();
      await over;
    },
  };
};

const see = async (request: IncomingMessage): Promise<Seen> => ({
  url: new URL(request.url ?? "/", `http://${request.headers.host}`),
  headers: new Headers(Object.entries(request.headers).map(([name, value]) => [name, String(value)])),
  text: await readText(request),
});

const errorOf = (write: Write) => {
  if (write === writeAnthropic) return errorBody.anthropic;
  return write === writeGoogle ? errorBody.google : errorBody.openai;
};

export const startClouds = async (): Promise<Clouds> => {
  const calls: CloudCall[] = [];
  const problems: string[] = [];
  let script = ordinary;

  const respond =
    (judgeCall: (seen: Seen) => Verdict | Promise<Verdict>) => (request: IncomingMessage, response: ServerResponse) => {
      const play = async () => {
        const seen = await see(request);
        const verdict = await judgeCall(seen);
        if ("problem" in verdict) {
          problems.push(verdict.problem);
          response.writeHead(400, { "content-type": "application/json" });
          return response.end(JSON.stringify({ error: { message: verdict.problem, code: "invalid_request_error" } }));
        }
        if ("json" in verdict) {
          response.writeHead(200, { "content-type": "application/json" });
          return response.end(JSON.stringify(verdict.json));
        }
        const body = parse(seen.text);
        calls.push({ path: seen.url.pathname, model: verdict.model, body });
        if (script.status !== 200) {
          response.writeHead(script.status, { "content-type": "application/json" });
          return response.end(JSON.stringify(errorOf(verdict.write)(script.status, "scripted error")));
        }
        response.writeHead(200, { "content-type": "text/event-stream" });
        return response.end(
          verdict
            .write(script, { model: verdict.model, body })
            .map(({ wire }) => wire)
            .join(""),
        );
      };
      play().catch((error: unknown) => {
        problems.push(String(error));
        response.writeHead(500).end();
      });
    };

  const places: { vertex: string } = { vertex: "" };
  const { publicKey, credentialsFor } = await serviceAccount();
  const vertexJudge = createVertexJudge(publicKey, () => `${places.vertex}/token`);
  const [azure, vertex, bedrock] = await Promise.all([
    startCloud(respond(judgeAzure)),
    startCloud(respond(vertexJudge.judge)),
    startCloud(respond(judgeBedrock)),
  ]);
  places.vertex = vertex.url;

  return {
    azure: {
      AZURE_OPENAI_ENDPOINT: azure.url,
      AZURE_OPENAI_API_KEY: azureKey,
      AZURE_OPENAI_DEPLOYMENTS: "gpt-6.1-sol=prod-sol",
      AZURE_OPENAI_DATA_ZONE: "eu",
    },
    vertex: {
      VERTEX_PROJECT: "fish-1",
      VERTEX_LOCATION: "eu",
      VERTEX_CREDENTIALS: credentialsFor(`${vertex.url}/token`),
      VERTEX_BASE_URL: vertex.url,
    },
    bedrock: {
      BEDROCK_REGION: "eu-central-1",
      BEDROCK_BASE_URL: bedrock.url,
      AWS_ACCESS_KEY_ID: awsKeys.accessKeyId,
      AWS_SECRET_ACCESS_KEY: awsKeys.secret,
      AWS_SESSION_TOKEN: "session-1",
    },
    calls,
    problems,
    tokensGiven: () => vertexJudge.tokens.length,
    script(changes) {
      script = { ...ordinary, ...changes };
    },
    reset() {
      calls.length = 0;
      problems.length = 0;
      script = ordinary;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([azure, vertex, bedrock].map((cloud) => cloud.stop()));
    },
  };
};
