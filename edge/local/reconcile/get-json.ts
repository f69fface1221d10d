/** The part of `fetch` that is used. */
export type FetchJson = (url: URL, init: RequestInit) => Promise<Response>;

/** The answer's JSON. Throws an Error with address and status when there is none; the headers are never in it. */
export const getJson = async (
  url: URL,
  headers: Readonly<Record<string, string>>,
  fetch: FetchJson,
): Promise<unknown> => {
  const response = await fetch(url, { headers, redirect: "error" });
  const place = `${url.origin}${url.pathname}`;
  if (!response.ok) throw new Error(`${place} answered ${response.status}: ${(await response.text()).slice(0, 300)}`);
  return response.json();
};
