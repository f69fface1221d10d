import * as z from "zod";
import type { ShoalError } from "../../shared/errors.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { noUsage } from "../../shared/usage.ts";
import { toRequestError } from "../formats/request-error.ts";
import { admit, giveBack } from "../admit.ts";
import type { Identity } from "../authenticate/authenticate.ts";
import { normalizeJson } from "../normalize.ts";
import type { KeyRecord } from "../objects/records.ts";
import { allowsModel } from "../pool/allowed.ts";
import type { Context } from "../runtime/context.ts";

/** The encoder by which the conductor reads prompts. Under its own name, so that stored vectors never change meaning. */
export const embeddingModel = "all-minilm-l6-v2";

/** Numbers of each vector. */
const dimensions = 384;
const maxTexts = 256;
const askMs = 60_000;

const text = z.string("must be text: lists of tokens are not taken").min(1, "must not be empty");

/** The body of `POST /v1/embeddings`. https://platform.openai.com/docs/api-reference/embeddings/create */
export const bodySchema = z.strictObject({
  model: z.string().min(1),
  input: z.union([text, z.array(text).min(1, "must not be empty").max(maxTexts, `at most ${maxTexts} texts`)]),
  encoding_format: z.enum(["float", "base64"]).nullish(),
  dimensions: z.literal(dimensions, `this model's vectors have ${dimensions}`).nullish(),
  user: z.string().max(512).nullish(),
});

const vector = z.union([z.array(z.number()), z.string()]);

/** Vectors of length 1, as numbers or as base64 of little-endian 32-bit floats. */
export const answerSchema = z.object({
  object: z.literal("list"),
  data: z.array(z.object({ object: z.literal("embedding"), index: z.int(), embedding: vector })),
  model: z.string(),
  usage: z.object({ prompt_tokens: z.int(), total_tokens: z.int() }),
});

/** Rows of requests that end together share one message. */
const gatherMs = 20;

/** `POST /v1/embeddings`: counts as a request and by its tokens, costs nothing, and has a row in the ledger. */
export const answerEmbeddings = async (
  request: Request,
  identity: Identity,
  context: Context,
): Promise<Result<object, ShoalError>> => {
  const admitted = await admit(identity, { scope: "embeddings", affinity: null }, context);
  if (!admitted.ok) return admitted;
  const { grant } = admitted.value;
  const embedded = await embed(request, grant.record, context);
  if (!embedded.ok) {
    giveBack(grant);
    return embedded;
  }
  const usage = { ...noUsage, inputTokens: embedded.value.usage.prompt_tokens };
  context.outbox.settle(
    identity.tenant,
    {
      requestId: context.requestId,
      keyId: identity.keyId,
      ...(grant.permit !== undefined && { permit: grant.permit }),
      at: context.arrivedAt,
      model: embeddingModel,
      worker: embeddingModel,
      status: "complete",
      calls: [{ step: "embed", worker: embeddingModel, usage, cost: 0 }],
      affinity: null,
    },
    null,
  );
  context.waitUntil(context.outbox.send(identity.tenant, gatherMs));
  return embedded;
};

/**
 * The texts' vectors from the conductor's encoder. A text that does not fit it is refused, never
 * cut. Fails with `no_worker` when the conductor is away or has too much to do.
 */
export const embed = async (
  request: Request,
  key: Pick<KeyRecord, "allowedModels">,
  { settings, fetch, signal }: Pick<Context, "settings" | "fetch" | "signal">,
): Promise<Result<z.infer<typeof answerSchema>, ShoalError>> => {
  const json = await normalizeJson(request, settings.maxBodyBytes);
  if (!json.ok) return json;
  const parsed = bodySchema.safeParse(json.value);
  if (!parsed.success) return err(toRequestError(parsed.error, json.value));
  const { model, input, encoding_format: encoding } = parsed.data;
  if (model !== embeddingModel)
    return err({ kind: "unknown_model", model: model.slice(0, 200), nearest: [embeddingModel] });
  if (!allowsModel(key, model)) return err({ kind: "forbidden", message: `the key may not use the model '${model}'` });
  const { inference } = settings;
  if (inference === null) return err(away("there is no conductor, whose encoder gives embeddings", null));
  try {
    const response = await fetch(`${inference.url}/v1/embeddings`, {
      method: "POST",
      headers: { authorization: `Bearer ${inference.secret}`, "content-type": "application/json" },
      body: JSON.stringify({ model, input, encoding_format: encoding ?? "float" }),
      signal: AbortSignal.any([signal, AbortSignal.timeout(askMs)]),
    });
    return response.ok ? ok(answerSchema.parse(await response.json())) : err(await readRefusal(response));
  } catch {
    return err(away("the conductor does not answer", 5));
  }
};

const away = (message: string, retryAfterSeconds: number | null): ShoalError => ({
  kind: "no_worker",
  message,
  retryAfterSeconds,
});

const refusalSchema = z.object({ error: z.object({ message: z.string(), param: z.string().nullable() }) });

/** What the service says of a text is for the client to mend; everything else is ours. */
const readRefusal = async (response: Response): Promise<ShoalError> => {
  if (response.status === 503) return away("the conductor is busy", Number(response.headers.get("retry-after")) || 1);
  if (response.status !== 400) return away("the conductor failed", 5);
  const { error } = refusalSchema.parse(await response.json());
  return { kind: "invalid_request", message: error.message, param: error.param };
};
