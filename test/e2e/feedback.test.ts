import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readRecordings } from "../../inference/train/recordings/recordings.ts";
import { maxBiasOfKeyPerDay } from "../../shared/feedback.ts";
import { clientsOf } from "../support/clients.ts";
import { adminKey, systemUnderTest } from "../support/system-under-test.ts";

/** Two workers that the weights find nearly alike at this, the first of them a little better for its price. */
const task = (name: string) =>
  `Implement the following function in Python.\n\ndef ${name}(a, b):\n    """Return a ${name} of both."""`;
const [first, second] = ["anthropic/claude-sonnet-4-6", "anthropic/claude-opus-4-6"];

const { vendors, system, send, makeTenant, makeKey } = systemUnderTest();

const asking = (name: string) => ({
  model: "shoal-mini",
  messages: [{ role: "user" as const, content: task(name) }],
});

/** The worker that would answer. */
const leader = async (key: string, name: string) => {
  const { status, body } = await send("POST", "/v1/plan", key, asking(name));
  expect(status).toBe(200);
  return String(body.plan.steps[0].worker);
};

const score = (key: string, id: string, given: object) =>
  send("POST", "/v1/feedback", key, { request_id: id, ...given });

it("changes the plan of a similar request within ten seconds, for this tenant only", async () => {
  const { key } = await makeTenant("acme");
  const { key: reader } = await makeKey("acme");
  const { key: foreign } = await makeTenant("other");
  expect([await leader(key, "product"), await leader(foreign, "product")]).toEqual([first, first]);

  const { openai, anthropic } = clientsOf({ url: system.url, key });
  const ids = [
    (await openai.chat.completions.create(asking("sum"))).id,
    (await anthropic.messages.create({ ...asking("sum"), max_tokens: 500 })).id,
    (await openai.responses.create({ model: "shoal-mini", input: task("sum") })).id,
  ];
  expect(ids.map((id) => id.replace(/[0-9A-Z]{26}$/, "").slice(0, 5))).toEqual(["chatc", "msg_", "resp_"]);

  expect(await score(foreign, ids[0] ?? "", { score: "bad" })).toMatchObject({ status: 404 });
  for (const id of ids) {
    expect(await score(key, id, { score: "bad" })).toMatchObject({
      status: 200,
      body: { object: "feedback", request_id: id.slice(-26), score: 0, worker: first, learned: true, reason: null },
    });
    expect(await score(reader, id, { score: 0 })).toMatchObject({ status: 200 });
  }
  const told = Date.now();
  await expect.poll(() => leader(key, "product"), { timeout: 10_000, interval: 200 }).toBe(second);
  expect(Date.now() - told).toBeLessThan(10_500);
  expect(await leader(foreign, "product")).toBe(first);
  const biases = async (by: string) =>
    (await send("POST", "/v1/plan", by, asking("product"))).body.scores.map(({ bias }: { bias: number }) => bias);
  expect(Math.min(...(await biases(key)))).toBeCloseTo(-2 * maxBiasOfKeyPerDay, 3);
  expect(new Set(await biases(foreign))).toEqual(new Set([0]));
  expect(await openai.chat.completions.create(asking("product")).withResponse()).toMatchObject({
    response: { headers: expect.anything() },
  });
  expect(vendors.calls().at(-1)?.model).toBe("claude-opus-4-6");
  expect(vendors.violations).toEqual([]);
});

it("takes one score of a key for an answer, the last one, and names what is wrong", async () => {
  const { key } = await makeTenant("careful");
  const { headers } = await send("POST", "/v1/chat/completions", key, asking("sum"));
  const id = headers.get("x-request-id") ?? "";
  expect(await score(key, id, { score: 0.2 })).toMatchObject({ body: { score: 0.2 } });
  expect(await score(key, id, { score: "good" })).toMatchObject({ body: { score: 1 } });
  const exported = await send("GET", "/admin/tenants/careful/feedback", adminKey);
  expect(
    exported.text
      .trim()
      .split("\n")
      .map((line: string) => JSON.parse(line).feedback.scores),
  ).toMatchObject([[{ score: 1 }]]);

  const wrong = (body: object) => send("POST", "/v1/feedback", key, body);
  expect(await wrong({ score: 1 })).toMatchObject({ status: 400, body: { error: { param: "request_id" } } });
  expect(await wrong({ request_id: id, score: 2 })).toMatchObject({ status: 400, body: { error: { param: "score" } } });
  expect(await wrong({ request_id: id, score: 1, comment: "fine" })).toMatchObject({
    status: 400,
    body: { error: { param: "comment", code: "unknown_parameter" } },
  });
  expect(await wrong({ request_id: id, score: 1, worker: "north/a" })).toMatchObject({
    status: 400,
    body: { error: { param: "worker" } },
  });
  expect(await wrong({ request_id: "01K00000000000000000000000", score: 1 })).toMatchObject({ status: 404 });
  expect(await wrong({ request_id: "nothing of ours", score: 1 })).toMatchObject({ status: 404 });
});

it("needs the scope", async () => {
  const { key: asker } = await makeTenant("scoped", {}, { scopes: ["answers"] });
  const { key: scorer } = await makeKey("scoped", { scopes: ["feedback"] });
  const { headers } = await send("POST", "/v1/chat/completions", asker, asking("sum"));
  const id = headers.get("x-request-id") ?? "";
  expect(await score(asker, id, { score: 1 })).toMatchObject({ status: 403 });
  expect(await score(scorer, id, { score: 1 })).toMatchObject({ status: 200, body: { learned: true } });
});

it("logs how likely each worker was for a key that explores, and compares nothing without enough", async () => {
  const { key } = await makeTenant("curious", { exploration: 0.1, baseline: second });
  const { headers } = await send("POST", "/v1/chat/completions", key, asking("sum"));
  const id = headers.get("x-request-id") ?? "";
  const { body: trace } = await send("GET", `/v1/traces/${id}`, key);
  const { worker, propensities } = trace.plan.exploration;
  expect(trace.plan.workers).toEqual([worker]);
  expect(Object.keys(propensities)).toEqual(expect.arrayContaining([first, second]));
  const all = Object.values(propensities).map(Number);
  expect(all.reduce((sum, each) => sum + each, 0)).toBeCloseTo(1);
  expect(propensities[first]).toBeGreaterThanOrEqual(0.9);

  expect(await score(key, id, { score: "good" })).toMatchObject({ status: 200 });
  expect(await send("GET", "/v1/evaluation", key)).toMatchObject({
    status: 200,
    body: {
      baseline: second,
      scored_answers: 1,
      identified: false,
      reason: "1 scored answers are too few: 30 are needed",
    },
  });
});

it("logs no draw for a key that does not explore, and says that nothing can be compared", async () => {
  const { key } = await makeTenant("settled", { baseline: second });
  const { headers } = await send("POST", "/v1/chat/completions", key, asking("sum"));
  const id = headers.get("x-request-id") ?? "";
  expect((await send("GET", `/v1/traces/${id}`, key)).body.plan).not.toHaveProperty("exploration");
  expect(await score(key, id, { score: "good" })).toMatchObject({ status: 200 });
  expect(await send("GET", "/v1/evaluation", key)).toMatchObject({
    body: { identified: false, reason: expect.stringContaining("no scored answer has a logged propensity") },
  });
});

it("learns nothing of one worker from a team's answer, unless its own part is scored", async () => {
  const { key } = await makeTenant("team");
  const { headers } = await send("POST", "/v1/chat/completions", key, { ...asking("sum"), model: "shoal-ultra" });
  const id = headers.get("x-request-id") ?? "";
  expect(await score(key, id, { score: "bad" })).toMatchObject({
    body: { learned: false, reason: expect.stringContaining("several workers") },
  });
  const { body: trace } = await send("GET", `/v1/traces/${id}`, key);
  const draft = trace.steps.find(({ role }: { role: string }) => role === "answer").worker;
  expect(await score(key, id, { score: "bad", worker: draft })).toMatchObject({
    body: { worker: draft, learned: true },
  });
});

it("exports scored answers as recordings without a prompt", async () => {
  const { key } = await makeTenant("exporting");
  const { headers } = await send("POST", "/v1/chat/completions", key, asking("sum"));
  const id = headers.get("x-request-id") ?? "";
  await score(key, id, { score: 0.75 });
  const exported = await send("GET", "/admin/tenants/exporting/feedback", adminKey);
  expect(exported).toMatchObject({ status: 200 });
  expect(exported.text).not.toContain("Implement the following function in Python.\n");
  const folder = await mkdtemp(join(tmpdir(), "shoal-feedback-"));
  const file = join(folder, "exporting.jsonl");
  await writeFile(file, exported.text);
  const { recordings } = await readRecordings(file);
  await rm(folder, { recursive: true });
  expect(recordings).toMatchObject([
    {
      id,
      domain: "code/multi_language: Implement the following function in Python.",
      prompt: null,
      models: { [first ?? ""]: { correct: 0.75, cost_usd: expect.any(Number) } },
    },
  ]);
});
