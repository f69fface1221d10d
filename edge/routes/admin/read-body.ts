import type * as z from "zod";
import type { ShoalError } from "../../../shared/errors.ts";
import { err, ok, type Result } from "../../../shared/result.ts";
import { toRequestError } from "../../formats/request-error.ts";
import { normalizeJson } from "../../normalize.ts";
import type { Context } from "../../runtime/context.ts";

/** The body as the schema reads it; the error names the field. */
export const readBody = async <Type>(
  schema: z.ZodType<Type>,
  request: Request,
  { settings }: Pick<Context, "settings">,
): Promise<Result<Type, ShoalError>> => {
  const body = await normalizeJson(request, settings.maxBodyBytes);
  if (!body.ok) return body;
  const parsed = schema.safeParse(body.value);
  return parsed.success ? ok(parsed.data) : err(toRequestError(parsed.error, body.value));
};
