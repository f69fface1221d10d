import { describe, expect, it } from "vitest";
import { type Framework, frameworks } from "../support/frameworks.ts";
import { systemUnderTest } from "../support/system-under-test.ts";
import type { VendorCall } from "../support/vendors.ts";

const { vendors, system } = systemUnderTest();

const models = ["shoal-mini", "openai/gpt-6-luna", "anthropic/claude-opus-5", "google/gemini-3.6-flash"];

const callOf = (sea: string) => ({
  text: [],
  toolCalls: [{ id: `theirs-${sea}`, name: "depth", arguments: ['{"sea":', `"${sea}"}`] }],
});

/** Asks for one sea, then for another, then answers. */
const asksTwice = ({ body }: VendorCall) => {
  const seen = JSON.stringify(body);
  if (!seen.includes("north: 95 m")) return callOf("north");
  return seen.includes("baltic: 55 m") ? { text: ["The North ", "Sea."] } : callOf("baltic");
};

const depths: Readonly<Record<string, string>> = { north: "north: 95 m", baltic: "baltic: 55 m" };

const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => null,
    (error: unknown) => error,
  );

const at = (framework: (typeof frameworks)[number], model = "shoal-mini"): Framework =>
  framework({ url: system.url, key: system.key, model });

const cases = frameworks.map((framework) => ({
  name: framework({ url: "http://127.0.0.1", key: "none", model: "none" }).name,
  framework,
}));

describe.each(cases)("$name", ({ framework }) => {
  it.each(models)("reads a stream of %s piece by piece", async (model) => {
    vendors.script({ text: ["one", " two", " three"] });
    expect(await at(framework, model).read("Count.")).toEqual(["one", " two", " three"]);
    expect(vendors.violations).toEqual([]);
  });

  it.each(models)("lets %s call tools over several turns", async (model) => {
    vendors.script(asksTwice);
    const answer = await at(framework, model).work("Which sea is deeper?", (sea) => depths[sea] ?? "unknown");
    expect(answer).toBe("The North Sea.");
    expect(vendors.calls()).toHaveLength(3);
    expect(new Set(vendors.calls().map((call) => call.model)).size).toBe(1);
    expect(vendors.violations).toEqual([]);
  });

  it.each(models)("gets an object of %s by a schema", async (model) => {
    vendors.script({ text: ['{"depth":', "95}"] });
    expect(await at(framework, model).extract("How deep is the North Sea?")).toEqual({ depth: 95 });
    expect(JSON.stringify(vendors.calls()[0]?.body)).toContain('"depth":{"type":"number"');
    expect(vendors.violations).toEqual([]);
  });

  it("ends the vendor's call when it leaves", async () => {
    vendors.script({ text: Array.from({ length: 100 }, (_, index) => `word${index} `), chunkEveryMs: 30 });
    await failureOf(at(framework).leave("Tell me a long story."));
    expect(await Promise.all(vendors.calls().map((call) => call.closed))).toEqual(["aborted"]);
  });

  it("learns of a vendor's limit as such", async () => {
    vendors.script({ status: 429 });
    const error = await failureOf(at(framework).work("How deep is it?", () => ""));
    expect(error).toBeInstanceOf(Error);
    const status = Reflect.get(Object(error), "status") ?? Reflect.get(Object(error), "statusCode");
    expect(status).toBe(429);
  });

  it("learns of a model that does not exist", async () => {
    const error = await failureOf(at(framework, "gpt-9").work("Hello", () => ""));
    expect(String(error)).toContain("gpt-9");
    expect(vendors.calls()).toEqual([]);
  });
});
