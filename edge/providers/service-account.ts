import * as z from "zod";
import { createMemory, type Memory } from "../runtime/memory.ts";
import { countOf, parseFields, textOf } from "./narrow.ts";
import type { SendIo } from "./provider.ts";

/** What of a service account's key in JSON is needed. https://cloud.google.com/iam/docs/keys-create-delete */
const credentialsSchema = z.object({
  client_email: z.string().min(1),
  private_key: z.string().includes("PRIVATE KEY"),
  private_key_id: z.string().optional(),
  token_uri: z.url({ protocol: /^https?$/ }).default("https://oauth2.googleapis.com/token"),
});
type Credentials = z.infer<typeof credentialsSchema>;

/** Throws, naming the variable and the field but no value, when the text is no such key. */
export const parseCredentials = (variable: string, text: string): Credentials => {
  const parsed = credentialsSchema.safeParse(parseFields(text));
  if (parsed.success) return parsed.data;
  throw new Error(`${variable}: not a service account's key in JSON\n${z.prettifyError(parsed.error)}`);
};

const scope = "https://www.googleapis.com/auth/cloud-platform";
const grantType = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/** Seconds that a claim holds; the most the vendor takes. */
const claimSeconds = 3600;
/** Milliseconds before its end at which a token is no longer used. */
const marginMs = 60_000;

type Token = { readonly value: string; readonly expiresAt: number };

/** Tokens by the credentials they were given for. Values only: a request that finds none asks for its own. */
const tokensOf = new WeakMap<typeof fetch, Memory<Token>>();

const memoryOf = (fetcher: typeof fetch): Memory<Token> => {
  const kept = tokensOf.get(fetcher) ?? createMemory<Token>(8);
  tokensOf.set(fetcher, kept);
  return kept;
};

/**
 * The account's access token, or the response that refused one: with 401 where the account is at fault, since the
 * caller's request is not. https://developers.google.com/identity/protocols/oauth2/service-account
 */
export const getAccessToken = async (variable: string, credentials: string, io: SendIo): Promise<string | Response> => {
  const tokens = memoryOf(io.fetch);
  const known = tokens.get(credentials);
  if (known && known.expiresAt - marginMs > io.now()) return known.value;

  const response = await requestToken(parseCredentials(variable, credentials), io);
  const answer = await response.text();
  if (!response.ok) return refusal(response);
  const fields = parseFields(answer);
  const value = textOf(fields?.["access_token"]);
  if (value === "") return new Response(null, { status: 502 });
  tokens.set(credentials, { value, expiresAt: io.now() + countOf(fields?.["expires_in"]) * 1000 });
  return value;
};

/** The vendor takes it no longer: the next call asks for another. */
export const forgetAccessToken = (credentials: string, { fetch: fetcher }: Pick<SendIo, "fetch">): void =>
  memoryOf(fetcher).delete(credentials);

const requestToken = async (credentials: Credentials, { fetch: fetcher, signal, now }: SendIo): Promise<Response> => {
  const { signClaims } = await import("./service-account-jwt.ts");
  const issuedAt = Math.floor(now() / 1000);
  const claims = {
    issuer: credentials.client_email,
    audience: credentials.token_uri,
    scope,
    issuedAt,
    expiresAt: issuedAt + claimSeconds,
  };
  const assertion = await signClaims(claims, credentials.private_key, credentials.private_key_id);
  return fetcher(credentials.token_uri, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({ grant_type: grantType, assertion }).toString(),
    signal,
  });
};

const refusal = ({ status, headers }: Response): Response => {
  const retryAfter = headers.get("retry-after");
  const isAccounts = status >= 400 && status < 500 && status !== 408 && status !== 429;
  return new Response(null, {
    status: isAccounts ? 401 : status,
    headers: retryAfter === null ? {} : { "retry-after": retryAfter },
  });
};
