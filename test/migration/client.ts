import { performance } from "node:perf_hooks";
import pLimit from "p-limit";
import * as z from "zod";
import { openingOf, words } from "./world.ts";

/** A system that runs, and its operator's key. */
export type Place = { readonly url: string; readonly adminKey: string };

/** One answer as its reader saw it. */
export type Seen = {
  readonly id: string;
  /** Milliseconds since the epoch at which it was asked. */
  readonly at: number;
  readonly status: number;
  readonly arm: string;
  /** Of the tier's plan: who was to answer. */
  readonly plan: string;
};

export const send = async (
  { url }: Pick<Place, "url">,
  key: string,
  method: string,
  path: string,
  body?: object,
): Promise<Response> =>
  fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(body && { body: JSON.stringify(body) }),
  });

/** As `send`, for what must succeed. */
export const demand = async (...asked: Parameters<typeof send>): Promise<Response> => {
  const response = await send(...asked);
  if (!response.ok) throw new Error(`${asked[2]} ${asked[3]}: ${response.status} ${await response.text()}`);
  return response;
};

const made = z.object({ id: z.string(), key: z.string() });

/** A tenant with one key. */
export const makeTenant = async (place: Place, id: string, policy: object) => {
  await demand(place, place.adminKey, "POST", "/admin/tenants", { id, name: id, ...policy });
  const response = await demand(place, place.adminKey, "POST", `/admin/tenants/${id}/keys`, { name: "team" });
  return made.parse(await response.json());
};

/** Asks for one turn, read as it is written. */
export const ask = async (place: Place, key: string, messages: readonly object[]): Promise<Seen> => {
  const at = performance.timeOrigin + performance.now();
  const body = { model: "shoal-mini", stream: true, messages };
  const response = await send(place, key, "POST", "/v1/chat/completions", body);
  await response.text();
  const plan = response.headers.get("x-shoal-plan") ?? "";
  const arm = /arm=(\w+)/.exec(plan)?.[1] ?? "";
  return { id: response.headers.get("x-request-id") ?? "", at, status: response.status, arm, plan };
};

export type Traffic = {
  readonly key: string;
  /** Conversations, counted from here. */
  readonly from: number;
  readonly count: number;
  readonly clients: number;
  /** One to three turns of each. */
  readonly random: () => number;
  /** Scores an answer from 0 to 1; null leaves it alone. */
  readonly score: (seen: Seen) => number | null;
};

/** So many conversations, several at once, each turn by turn. */
export const converse = async (place: Place, traffic: Traffic): Promise<readonly Seen[]> => {
  const limit = pLimit(traffic.clients);
  const conversations = Array.from({ length: traffic.count }, (_, index) => {
    const turns = 1 + Math.floor(3 * traffic.random());
    return limit(() => converseOnce(place, traffic, traffic.from + index, turns));
  });
  return (await Promise.all(conversations)).flat();
};

const converseOnce = async (place: Place, { key, score }: Traffic, index: number, turns: number) => {
  const seen: Seen[] = [];
  let messages: readonly object[] = [{ role: "user", content: openingOf(index) }];
  for (let turn = 0; turn < turns; turn += 1) {
    const answer = await ask(place, key, messages);
    seen.push(answer);
    const given = answer.status === 200 ? score(answer) : null;
    if (given !== null) {
      await demand(place, key, "POST", "/v1/feedback", { request_id: answer.id, score: given });
    }
    messages = [...messages, { role: "assistant", content: words.join("") }, { role: "user", content: "And why?" }];
  }
  return seen;
};
