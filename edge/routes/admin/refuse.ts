import type { ShoalError } from "../../../shared/errors.ts";
import { encodeError } from "../../encode/encode.ts";
import { baseHeaders } from "../../encode/headers.ts";
import { chatCompletions } from "../../formats/chat-completions.ts";
import type { Context } from "../../runtime/context.ts";

/** An error to the operator, in OpenAI's form. */
export const refuse = (context: Context, error: ShoalError): Response =>
  encodeError(error, chatCompletions, baseHeaders(context));
