import { err, ok, type Result } from "../../shared/result.ts";

/** A Shoal that runs, and a key of it. */
export type Target = { readonly url: string; readonly key: string; stop(): Promise<void> };

/** The one at `url`, with the key in the environment; without a URL one is started. */
export const findShoal = async (
  url: string | null,
  start: () => Promise<Result<Target, string>>,
): Promise<Result<Target, string>> => {
  if (url === null) return start();
  const key = process.env["SHOAL_API_KEY"];
  if (!key) return err("SHOAL_API_KEY is not set: --url needs a key of that Shoal");
  return ok({ url, key, stop: () => Promise.resolve() });
};
