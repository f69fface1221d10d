export type Asked = {
  /** Null: without one. */
  readonly key: string | null;
  /** By default POST where there is a body, else GET. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A text goes as it is, all else as JSON. */
  readonly body?: object | string | undefined;
  readonly signal?: AbortSignal;
};

/** One request. */
export const requestAt = (
  url: string,
  { key, body, headers, signal, method = body === undefined ? "GET" : "POST" }: Asked,
) =>
  fetch(url, {
    method,
    headers: {
      ...(key !== null && { authorization: `Bearer ${key}` }),
      "content-type": "application/json",
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    ...(signal && { signal }),
  });

/** The same, read to its end. `body` is what came back as JSON, else its text; null when nothing did. */
export const sendAt = async (url: string, asked: Asked) => {
  const response = await requestAt(url, asked);
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("application/json") ?? false;
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: text === "" ? null : isJson ? JSON.parse(text) : text,
  };
};
