import type * as z from "zod";
import type { ShoalError } from "../../shared/errors.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import { toRequestError } from "../formats/request-error.ts";

/** What stands behind the `?`, as the schema reads it; the error names the parameter. */
export const readQuery = <Type>(schema: z.ZodType<Type>, url: string): Result<Type, ShoalError> => {
  const given = Object.fromEntries(new URL(url).searchParams);
  const parsed = schema.safeParse(given);
  return parsed.success ? ok(parsed.data) : err(toRequestError(parsed.error, given));
};
