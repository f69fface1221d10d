import { anthropicAbilities } from "./anthropic.ts";
import { createMessagesDecoder } from "./anthropic-answer.ts";
import { messagesBody } from "./anthropic-request.ts";
import { withoutAutomaticCaching } from "./hosted-claude.ts";
import { isFields, textOf, type Fields } from "./narrow.ts";
import { createOpenaiProtocol, isResponseBody, openaiAbilities } from "./openai.ts";
import type { Call, Connection, DataRegion, Offer, Provider } from "./provider.ts";
import { notServed, readError } from "./upstream-error.ts";

const name = "bedrock";

const originOf = ({ upstream }: Call) => ({ provider: name, upstream });

const isClaude = (model: string): boolean => model.startsWith("anthropic.");

const openaiProtocol = createOpenaiProtocol(name, { fixed: {} });

/** Inference profiles: the regions within which a request may be processed, and what stands before the model's id. */
const profiles: Readonly<Record<string, DataRegion>> = { us: "us", eu: "eu", jp: "ap", au: "ap", global: "global" };

/** The profile whose regions a region is one of; null where only `global` reaches the models. */
const profileOf = (region: string): string | null => {
  if (/^us-(east|west)-/.test(region)) return "us";
  // London and Zürich call through the profile of the Union.
  if (region.startsWith("eu-")) return "eu";
  if (/^ap-northeast-[13]$/.test(region)) return "jp";
  return /^ap-southeast-[24]$/.test(region) ? "au" : null;
};

/**
 * A profile's calls stay within its regions and what is kept stays where they came from, so a part of the world has the
 * call where it has both. https://docs.aws.amazon.com/bedrock/latest/userguide/geographic-cross-region-inference.html
 */
const dataRegionFrom = (region: string, profile: string): DataRegion | undefined => {
  const processing = profiles[profile];
  if (processing === "eu" && /^eu-(west|central)-2$/.test(region)) return undefined;
  return processing;
};

/** Profiles of models that are not in all of them. https://docs.aws.amazon.com/bedrock/latest/userguide/model-cards.html */
const fewProfiles: readonly { readonly models: RegExp; readonly profiles: readonly string[] }[] = [
  { models: /^openai\./, profiles: ["us", "global"] },
  { models: /^openai\.gpt-6\.1-/, profiles: ["us"] },
  { models: /^anthropic\.claude-fable-/, profiles: ["us", "global"] },
];

const isOffered = (model: string, profile: string): boolean =>
  fewProfiles.every(({ models, profiles: few }) => !models.test(model) || few.includes(profile));

const connect: Provider["connect"] = ({
  BEDROCK_REGION: region,
  BEDROCK_PROFILE: chosen,
  BEDROCK_BASE_URL: baseUrl,
  AWS_BEARER_TOKEN_BEDROCK: bearer,
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secret,
  AWS_SESSION_TOKEN: sessionToken,
}) => {
  const apiKey = bearer || (accessKeyId && secret);
  if (!region || !apiKey) return null;
  if (!/^[a-z]{2}(-[a-z]+)+-\d$/.test(region)) throw new Error("BEDROCK_REGION: not a region, e.g. us-east-1");
  const profile = chosen || profileOf(region);
  if (!profile || !profiles[profile]) {
    throw new Error(
      `BEDROCK_PROFILE: must be one of ${Object.keys(profiles).join(", ")}; ${region} has none by itself`,
    );
  }
  const dataRegion = dataRegionFrom(region, profile);
  return {
    apiKey,
    baseUrl: baseUrl || `https://bedrock-runtime.${region}.amazonaws.com`,
    ...(dataRegion && { dataRegion }),
    account: {
      region,
      profile,
      ...(!bearer && accessKeyId && { accessKeyId }),
      ...(!bearer && sessionToken && { sessionToken }),
    },
  };
};

/**
 * All profiles but `global` cost a tenth more. Images are taken as data only, and OpenAI's models take no files.
 * https://platform.claude.com/docs/en/about-claude/pricing https://platform.claude.com/docs/en/build-with-claude/vision
 */
const offer = (model: string, { account }: Connection): Offer | null => {
  const profile = account?.["profile"] ?? "";
  if (!isOffered(model, profile)) return null;
  return {
    priceFactor: profile === "global" ? 1 : 1.1,
    lacks: isClaude(model) ? ["image_url"] : ["image_url", "file"],
  };
};

const pathOf = (model: string, body: Fields): string => {
  if (isClaude(model)) return "/anthropic/v1/messages";
  return isResponseBody(body) ? "/openai/v1/responses" : "/openai/v1/chat/completions";
};

const send: Provider["send"] = async (body, connection, { fetch: fetcher, signal, now }) => {
  if (!isFields(body)) throw new TypeError("not a body of this provider");
  const model = textOf(body["model"]);
  const call = {
    url: connection.baseUrl + pathOf(model, body),
    headers: {
      "content-type": "application/json",
      ...(isClaude(model) && { "anthropic-version": "2023-06-01" }),
    },
    body: JSON.stringify({ ...body, model: `${connection.account?.["profile"]}.${model}` }),
  };
  const headers = await authorize(call, connection, now());
  return fetcher(call.url, { method: "POST", headers, body: call.body, signal });
};

type Unsigned = { readonly url: string; readonly headers: Record<string, string>; readonly body: string };

/** By API key where there is one, else signed. https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html */
const authorize = async (call: Unsigned, { apiKey, account }: Connection, now: number): Promise<Headers> => {
  const { accessKeyId, sessionToken, region = "" } = account ?? {};
  if (accessKeyId === undefined) return new Headers({ ...call.headers, authorization: `Bearer ${apiKey}` });
  const { AwsV4Signer } = await import("aws4fetch");
  const signer = new AwsV4Signer({
    ...call,
    method: "POST",
    accessKeyId,
    secretAccessKey: apiKey,
    ...(sessionToken !== undefined && { sessionToken }),
    service: "bedrock",
    region,
    datetime: new Date(now).toISOString().replaceAll(/[:-]|\.\d{3}/g, ""),
  });
  return (await signer.sign()).headers;
};

/** AWS's own failures are named in a header: `ThrottlingException:http://…`. */
const readBedrockError: Provider["error"] = (status, headers, body) => {
  if (status === 404) return notServed(name);
  const [failure] = (headers.get("x-amzn-errortype") ?? "").split(":");
  return readError(name, status, headers, body, failure);
};

/**
 * Claude by Messages and OpenAI's models by their own protocols, as server-sent events.
 * https://docs.aws.amazon.com/bedrock/latest/userguide/inference-messages-api.html
 * https://docs.aws.amazon.com/bedrock/latest/userguide/inference-responses-api.html
 */
export const bedrock: Provider = {
  name,
  needs:
    "BEDROCK_REGION, or a key (AWS_BEARER_TOKEN_BEDROCK, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY), is not set",
  abilities: new Set([...anthropicAbilities, ...openaiAbilities]),
  connect,
  offer,
  request: (call) =>
    isClaude(call.upstream)
      ? withoutAutomaticCaching(messagesBody(call, originOf(call)))
      : openaiProtocol.request(call),
  send,
  decoder: (call) => (isClaude(call.upstream) ? createMessagesDecoder(originOf(call)) : openaiProtocol.decoder(call)),
  error: readBedrockError,
};
