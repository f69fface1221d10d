import type { ShoalError } from "../shared/errors.ts";
import { isNestedDeeper, mostLevels } from "../shared/nesting.ts";
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

/** So many times the limit is read and thrown away before a client is cut off. */
const maxDiscarded = 8;

const readText = async (request: Request, maxBytes: number): Promise<Result<string, ShoalError>> => {
  const declared = Number(request.headers.get("content-length") ?? Number.NaN);
  if (declared <= maxBytes) return ok(await request.text());

  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    // Read on for a while: a client that is still sending would see its connection break instead of the answer.
    if (size > maxBytes * maxDiscarded) break;
    if (size <= maxBytes) chunks.push(chunk);
  }
  return size <= maxBytes ? ok(await new Blob(chunks).text()) : err({ kind: "body_too_large", limitBytes: maxBytes });
};

const tooDeep: ShoalError = { kind: "invalid_json", message: `nested deeper than ${mostLevels} levels` };

const parseJson = (text: string): Result<unknown, ShoalError> => {
  try {
    const value: unknown = JSON.parse(text);
    return isNestedDeeper(value, mostLevels) ? err(tooDeep) : ok(value);
  } catch (cause) {
    return err({ kind: "invalid_json", message: cause instanceof Error ? whereIn(cause.message) : "not JSON" });
  }
};

/** V8 quotes the text it could not parse; what stands after the quotation says where. */
const whereIn = (message: string): string =>
  /at position \d+(?: \(line \d+ column \d+\))?$/.exec(message)?.[0] ?? "unexpected end or token";
