/**
 * Signature Version 4 as the cloud checks it, written from its description and apart from the library that signs.
 * https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
 */
export type Signed = {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: string;
};

const encoder = new TextEncoder();

const toHex = (bytes: ArrayBuffer) =>
  [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

const sha256 = async (text: string) => toHex(await crypto.subtle.digest("SHA-256", encoder.encode(text)));

const hmac = async (key: ArrayBuffer | Uint8Array<ArrayBuffer>, text: string): Promise<ArrayBuffer> => {
  const imported = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return crypto.subtle.sign("HMAC", imported, encoder.encode(text));
};

/** The signature that the request should carry, given what its `authorization` says it is over. */
const signatureOf = async (request: Signed, scope: string, names: string, secret: string): Promise<string> => {
  const url = new URL(request.url);
  const headers = names.split(";").map((name) => {
    const value = name === "host" ? url.host : (request.headers.get(name) ?? "").trim();
    return `${name}:${value}\n`;
  });
  const query = [...url.searchParams]
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .toSorted()
    .join("&");
  const canonical = [request.method, url.pathname, query, headers.join(""), names, await sha256(request.body)];
  const time = request.headers.get("x-amz-date") ?? "";
  const toSign = ["AWS4-HMAC-SHA256", time, scope, await sha256(canonical.join("\n"))].join("\n");
  let key: ArrayBuffer | Uint8Array<ArrayBuffer> = Uint8Array.from(encoder.encode(`AWS4${secret}`));
  for (const part of scope.split("/")) key = await hmac(key, part);
  return toHex(await hmac(key, toSign));
};

/** Null when the request is signed by this key for this region and service; else what is wrong. */
export const findSigningProblem = async (
  request: Signed,
  expected: {
    readonly accessKeyId: string;
    readonly secret: string;
    readonly region: string;
    readonly service: string;
  },
): Promise<string | null> => {
  const authorization = request.headers.get("authorization") ?? "";
  const pattern = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\S+), SignedHeaders=(\S+), Signature=([0-9a-f]{64})$/;
  const [, keyId, scope = "", names = "", signature] = pattern.exec(authorization) ?? [];
  const time = request.headers.get("x-amz-date") ?? "";
  if (keyId !== expected.accessKeyId) return `the key is ${keyId}`;
  const wanted = [time.slice(0, 8), expected.region, expected.service, "aws4_request"].join("/");
  if (scope !== wanted) return `the scope is ${scope}, not ${wanted}`;
  if (!names.split(";").includes("host")) return "the host is not signed";
  if (request.headers.has("x-amz-security-token") && !names.includes("x-amz-security-token")) {
    return "the session is not signed";
  }
  return signature === (await signatureOf(request, scope, names, expected.secret)) ? null : "the signature is wrong";
};
