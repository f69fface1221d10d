import { toWire, type ShoalError, type WireError } from "../shared/errors.ts";

/** The service refuses for now: `overloaded`, `model_loading` or `model_unavailable`. */
export type Unavailable = {
  readonly kind: "unavailable";
  readonly code: "overloaded" | "model_loading" | "model_unavailable" | "stopping";
  readonly message: string;
  readonly retryAfterSeconds: number | null;
};

export type ServiceError = ShoalError | Unavailable;

export const unavailable = (
  code: Unavailable["code"],
  message: string,
  retryAfterSeconds: number | null,
): Unavailable => ({ kind: "unavailable", code, message, retryAfterSeconds });

const toWireError = (error: ServiceError): WireError => {
  if (error.kind !== "unavailable") return toWire(error);
  const { code, message, retryAfterSeconds } = error;
  return { status: 503, type: "server_error", code, message, param: null, retryAfterSeconds };
};

/** OpenAI's error body. https://platform.openai.com/docs/guides/error-codes */
export const errorBody = (error: ServiceError) => {
  const { message, type, param, code } = toWireError(error);
  return { error: { message, type, param, code } };
};

export const errorResponse = (error: ServiceError): Response => {
  const { status, retryAfterSeconds } = toWireError(error);
  const headers = new Headers({ "content-type": "application/json" });
  if (retryAfterSeconds !== null) headers.set("retry-after", String(Math.max(1, Math.ceil(retryAfterSeconds))));
  return new Response(JSON.stringify(errorBody(error)), { status, headers });
};
