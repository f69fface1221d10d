/** Requests of one client meet several isolates of the edge, as they do in production. */
import { expect, it } from "vitest";
import { systemUnderTest } from "../support/system-under-test.ts";

const isolates = 3;
const { send, makeTenant, readTrace } = systemUnderTest({ SHOAL_ISOLATES: String(isolates) });

const chat = (key: string, rest: object = {}) =>
  send("POST", "/v1/chat/completions", key, {
    model: "openai/gpt-6-luna",
    max_tokens: 100,
    messages: [{ role: "user", content: "Name a fish." }],
    ...rest,
  });

it.each([false, true])(
  "a client that asks for one thing after the other is refused nothing for what has ended (streamed: %s)",
  async (stream) => {
    const { key } = await makeTenant(`oneafter${stream}`, {}, { limits: { concurrency: 1, usd_per_day: 0.02 } });
    for (let request = 0; request < 3 * isolates; request += 1) {
      expect(await chat(key, { stream, model: "openai/gpt-5.4", max_tokens: 500 })).toMatchObject({ status: 200 });
    }
  },
);

it("an answer's trace is there and takes a score as soon as it is asked for, whoever is asked", async () => {
  const { key } = await makeTenant("soon");
  for (let request = 0; request < isolates; request += 1) {
    const answer = await chat(key);
    expect(await readTrace(answer, key)).toMatchObject({ status: "complete", ledger: { usage_source: "reported" } });
    const score = { request_id: answer.headers.get("x-request-id"), score: 1 };
    expect(await send("POST", "/v1/feedback", key, score)).toMatchObject({ status: 200 });
  }
});

it("a stored response is continued", async () => {
  const { key } = await makeTenant("stored");
  const ask = (body: object) => send("POST", "/v1/responses", key, { model: "openai/gpt-6-luna", ...body });
  let previous = await ask({ input: "Name a fish." });
  for (let turn = 0; turn < isolates; turn += 1) {
    previous = await ask({ input: "And another?", previous_response_id: previous.body.id });
    expect(previous).toMatchObject({ status: 200 });
  }
});
