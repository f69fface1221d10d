/** One request with a key. `body` is what came back as JSON, else its text; null when nothing did. */
export const sendTo = async (url: string, method: string, path: string, key: string, body?: object) => {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get("content-type")?.includes("application/json") ?? false;
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: text === "" ? null : isJson ? JSON.parse(text) : text,
  };
};
