import { setTimeout as delay } from "node:timers/promises";
import { err, ok, type Result } from "../../shared/result.ts";
import type { Child } from "./children.ts";

const pollMs = 100;

type Request = { readonly url: string; readonly authorization: string };
type Io = { readonly fetch: typeof fetch; readonly timeoutMs: number };

/**
 * Waits until `url` answers 200. The error says in words what happened instead: the
 * child ended, or had not answered so by `timeoutMs`.
 */
export const whenReady = async (child: Child, request: Request, io: Io): Promise<Result<null, string>> => {
  const over = new AbortController();
  const ended = child.ended.then((how) => err(describeEnd(child, how)));
  const answered = poll(child.name, request, io, AbortSignal.any([over.signal, AbortSignal.timeout(io.timeoutMs)]));
  const result = await Promise.race([ended, answered]);
  over.abort();
  return result;
};

const poll = async (name: string, request: Request, io: Io, signal: AbortSignal): Promise<Result<null, string>> => {
  let last = "nothing";
  while (!signal.aborted) {
    try {
      const response = await io.fetch(request.url, { headers: { authorization: request.authorization }, signal });
      if (response.status === 200) return ok(null);
      last = `${response.status} ${(await response.text()).slice(0, 500)}`;
    } catch {
      // It does not listen yet.
    }
    await delay(pollMs);
  }
  return err(`${name} did not become ready within ${io.timeoutMs / 1000} s; it last answered: ${last}`);
};

/** How a child ended, with the last it had to say. */
export const describeEnd = (child: Child, how: string): string => {
  const tail = child.tail();
  const said = tail.length === 0 ? "" : `; its last lines:\n${tail.map((line) => `  ${line}`).join("\n")}`;
  return `${child.name} ended (${how})${said}`;
};
