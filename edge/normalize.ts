import type { ShoalError } from "../shared/errors.ts";
import { err, ok, type Result } from "../shared/result.ts";
import type { ClientRequest, Format } from "./formats/format.ts";

/**
 * The client's bytes as a canonical request: bounded, decoded, parsed, checked. Fails with `body_too_large`,
 * `invalid_json`, or what the format finds wrong, naming the field.
 */
export const normalize = async (
  request: Request,
  format: Format,
  maxBytes: number,
): Promise<Result<ClientRequest, ShoalError>> => {
  const body = await normalizeJson(request, maxBytes);
  return body.ok ? format.parse(body.value) : body;
};

/** The client's bytes as JSON. */
export const normalizeJson = async (request: Request, maxBytes: number): Promise<Result<unknown, ShoalError>> => {
  const text = await readText(request, maxBytes);
  return text.ok ? parseJson(text.value) : text;
};

const readText = async (request: Request, maxBytes: number): Promise<Result<string, ShoalError>> => {
  const tooLarge = err<ShoalError>({ kind: "body_too_large", limitBytes: maxBytes });
  const declared = Number(request.headers.get("content-length") ?? Number.NaN);
  if (declared > maxBytes) return tooLarge;
  if (Number.isFinite(declared)) return ok(await request.text());
  if (!request.body) return ok("");

  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body) {
    size += chunk.byteLength;
    if (size > maxBytes) return tooLarge;
    chunks.push(chunk);
  }
  return ok(await new Blob(chunks).text());
};

const parseJson = (text: string): Result<unknown, ShoalError> => {
  try {
    return ok(JSON.parse(text));
  } catch (cause) {
    return err({ kind: "invalid_json", message: cause instanceof Error ? whereIn(cause.message) : "not JSON" });
  }
};

/** V8 quotes the text it could not parse; what remains says where. */
const whereIn = (message: string): string =>
  /at position \d+(?: \(.*\))?/.exec(message)?.[0] ?? "unexpected end or token";
