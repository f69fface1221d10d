import { SELF } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import app from "../../../edge/index.ts";
import { readDocument } from "../../../edge/reference/document.ts";
import { operations } from "../../../edge/reference/operations.ts";

/** As OpenAPI writes it: Hono's `:id{.+}` is `{id}`. */
const toPath = (path: string) => path.replace(/:(\w+)(\{[^}]*\})?/g, "{$1}");

const served = app.routes
  .filter(({ method }) => method !== "ALL")
  .map(({ method, path }) => `${method.toLowerCase()} ${toPath(path)}`);

const refs = (value: unknown): readonly string[] => {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    key === "$ref" && typeof inner === "string" ? [inner] : refs(inner),
  );
};

const lookUp = (document: unknown, pointer: string): unknown =>
  pointer
    .slice(2)
    .split("/")
    .reduce<unknown>(
      (value, key) => (typeof value === "object" && value !== null ? Reflect.get(value, key) : null),
      document,
    );

describe("the reference", () => {
  it("has every route of the app, and no other", () => {
    expect(operations.map(({ method, path }) => `${method} ${path}`).toSorted()).toEqual(served.toSorted());
  });

  it("names every operation once", () => {
    const ids = operations.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("refers to nothing that it does not hold", () => {
    const document = readDocument();
    expect(refs(document).filter((ref) => !lookUp(document, ref))).toEqual([]);
  });

  it.each(operations.flatMap(({ id, body }) => (body ? [{ id, ...body }] : [])))(
    "has an example of $id that is read",
    ({ schema, example }) => {
      expect(schema.safeParse(example).success).toBe(true);
    },
  );

  it("is served as OpenAPI 3.1 without a key", async () => {
    const response = await SELF.fetch("https://shoal.test/openapi.json");
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ openapi: expect.stringMatching(/^3\.1\./) });
  });

  it("is served as a page that loads nothing", async () => {
    const response = await SELF.fetch("https://shoal.test/docs");
    expect(response.headers.get("content-type")).toMatch(/^text\/html/);
    expect(response.headers.get("content-security-policy")).toMatch(/^default-src 'none'/);
    const page = await response.text();
    for (const { id } of operations) expect(page).toContain(`id="${id}"`);
    expect(page).not.toMatch(/<script|src=|https?:\/\//);
  });
});

describe("a path that is there, by another method", () => {
  it.each([
    ["GET", "/v1/chat/completions", "POST"],
    ["POST", "/v1/models/openai/gpt-5.4", "GET"],
    ["PUT", "/v1/responses/resp_1", "GET, DELETE"],
  ])("is refused with the methods that it takes: %s %s", async (method, path, allow) => {
    const response = await SELF.fetch(`https://shoal.test${path}`, { method });
    expect(response.status).toBe(405);
    expect(response.headers.get("allow")).toBe(allow);
  });
});
