/** The system as attackers meet it: without a key, with a tenant's, with two, behind a worker, and with an old credential. */
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as z from "zod";
import { adminKey, systemUnderTest } from "../support/system-under-test.ts";

const luna = "openai/gpt-6-luna";
const opus = "anthropic/claude-opus-4-6";

/** A host that sends every call on to another address, and that address, which counts who comes. */
const startCrooked = async () => {
  const visitors: (string | undefined)[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    request.resume();
    if (request.url?.startsWith("/elsewhere")) {
      visitors.push(request.headers.authorization);
      response.writeHead(200, { "content-type": "text/event-stream" }).end("data: [DONE]\n\n");
      return;
    }
    const status = Number(/^\/(\d+)\//.exec(request.url ?? "")?.[1]);
    response.writeHead(status, { location: `http://127.0.0.1:${portOf()}/elsewhere` }).end();
  };
  const server = createServer(answer).listen(0, "127.0.0.1");
  const portOf = () => {
    const address = server.address();
    return typeof address === "object" && address ? address.port : 0;
  };
  await once(server, "listening");
  return { url: `http://127.0.0.1:${portOf()}`, visitors, close: () => server.close() };
};

let crooked: Awaited<ReturnType<typeof startCrooked>>;
beforeAll(async () => {
  crooked = await startCrooked();
});
afterAll(() => crooked?.close());

const hostAt = (status: string) => ({
  name: `moved-${status}`,
  base_url: `${crooked.url}/${status}`,
  api_key_env: "CROOKED_KEY",
  models: [{ id: "m", context_tokens: 10_000, max_output_tokens: 1000, price: { input: 1, output: 1 }, abilities: [] }],
});
const { vendors, system, state, send, makeTenant, makeKey } = systemUnderTest(() => ({
  CROOKED_KEY: "key-of-a-crooked-host",
  SHOAL_PROVIDERS: JSON.stringify(["302", "307", "308"].map(hostAt)),
}));

const chat = (content: unknown, model = "shoal-mini") => ({ model, messages: [{ role: "user", content }] });

const documentSchema = z.looseObject({
  paths: z.record(
    z.string(),
    z.record(
      z.string(),
      z.looseObject({
        security: z.array(z.record(z.string(), z.unknown())),
        requestBody: z
          .looseObject({ content: z.record(z.string(), z.looseObject({ example: z.looseObject({}).optional() })) })
          .optional(),
      }),
    ),
  ),
});

/** Everything that can be done, as the reference has it, and with which credential. */
const readOperations = async () => {
  const { paths } = documentSchema.parse(JSON.parse((await send("GET", "/openapi.json", null)).text));
  return Object.entries(paths).flatMap(([route, methods]) =>
    Object.entries(methods).map(([method, { security, requestBody }]) => ({
      method: method.toUpperCase(),
      route: route.replaceAll(/\{[^}]+\}/g, "stranger"),
      credential: Object.keys(security[0] ?? {})[0] ?? "none",
      body: Object.values(requestBody?.content ?? {})[0]?.example,
    })),
  );
};

const statusesOf = async (credential: string, key: string | null) => {
  const statuses = new Map<string, number>();
  for (const operation of (await readOperations()).filter((candidate) => candidate.credential === credential)) {
    const { method, route, body } = operation;
    statuses.set(`${method} ${route}`, (await send(method, route, key, body)).status);
  }
  return statuses;
};

const except = (statuses: ReadonlyMap<string, number>, expected: number) =>
  [...statuses].filter(([, status]) => status !== expected).map(([operation]) => operation);

/** Databases of objects that there are. */
const objects = async (): Promise<readonly string[]> =>
  (await readdir(path.join(state.dir, "state"), { recursive: true }))
    .filter((file) => file.endsWith(".sqlite"))
    .toSorted();

describe("who has no key", () => {
  it.each([
    ["none", null],
    ["one of the right shape", `sk-shoal-us-acme-abcd1234-${"x".repeat(32)}${"0".repeat(16)}`],
    ["one that would be SQL", "x' OR 1=1 --"],
    ["a hash, as it is stored", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"],
  ])("gets nothing from any operation, and makes no object, with %s", async (_, key) => {
    const before = await objects();
    const statuses = await statusesOf("key", key);
    expect(statuses.size).toBeGreaterThan(15);
    expect(except(statuses, 401)).toEqual([]);
    expect(except(await statusesOf("admin", key), 401)).toEqual([]);
    expect(await objects()).toEqual(before);
  });
});

describe("who has a tenant's key", () => {
  it("is no operator", async () => {
    const { key } = await makeTenant("acme");
    const statuses = await statusesOf("admin", key);
    expect(statuses.size).toBeGreaterThan(20);
    expect(except(statuses, 401)).toEqual([]);
  });

  it("does nothing that the key has no scope for, by any operation", async () => {
    const { key } = await makeTenant("scoped", {}, { scopes: ["feedback"] });
    const allowed = ["GET /v1/models", "GET /v1/models/stranger", "POST /v1/feedback"];
    expect(except(await statusesOf("key", key), 403).toSorted()).toEqual(allowed);
    const { key: other } = await makeKey("scoped", { scopes: ["answers"] });
    expect((await send("POST", "/v1/feedback", other, { request_id: "x", score: 1 })).status).toBe(403);
  });

  it("is answered 400 to what would overflow the stack, in each format", async () => {
    const { key } = await makeTenant("deep");
    const nested = `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`;
    const hi = '"messages":[{"role":"user","content":"hi"}]';
    const bodies = [
      [
        "/v1/chat/completions",
        `{"model":"shoal-mini",${hi},"tools":[{"type":"function","function":{"name":"f","parameters":${nested}}}]}`,
      ],
      [
        "/v1/messages",
        `{"model":"shoal-mini","max_tokens":9,${hi},"tools":[{"name":"f","input_schema":{"type":"object","x":${nested}}}]}`,
      ],
      [
        "/v1/responses",
        `{"model":"shoal-mini","input":"hi","tools":[{"type":"function","name":"f","parameters":${nested}}]}`,
      ],
      ["/v1/plan", `{"model":"shoal-mini",${hi},"metadata":${nested}}`],
      ["/v1/feedback", nested],
    ] as const;
    for (const [route, body] of bodies) {
      expect(await send("POST", route, key, body)).toMatchObject({
        status: 400,
        text: expect.stringContaining("nested deeper than 200 levels"),
      });
    }
  });

  it("has no address of its choice visited", async () => {
    const { key } = await makeTenant("fetching");
    const url = `${crooked.url}/elsewhere`;
    const content = [
      { type: "text", text: "What is this?" },
      { type: "image_url", image_url: { url: `${url}/a.png` } },
    ];
    const asked = await send("POST", "/v1/chat/completions", key, chat(content, luna));
    expect([200, 400]).toContain(asked.status);
    for (const field of ["base_url", "api_base", "x_shoal_host"]) {
      const refused = await send("POST", "/v1/chat/completions", key, { ...chat("hi"), [field]: url });
      expect(refused).toMatchObject({ status: 400, text: expect.stringContaining(field) });
    }
    expect(crooked.visitors).toEqual([]);
  });

  it("changes nothing by names that every object has", async () => {
    const { key } = await makeTenant("proto");
    const body = `{"model":"shoal-mini","messages":[{"role":"user","content":"hi"}],"metadata":{"__proto__":"x","constructor":"y","shoal_plan":"true"}}`;
    expect((await send("POST", "/v1/chat/completions", key, body)).status).toBe(200);
    for (const field of ["__proto__", "constructor", "toString"]) {
      const refused = await send("POST", "/v1/responses", key, `{"model":"shoal-mini","input":"hi","${field}":{}}`);
      expect(refused).toMatchObject({ status: 400, text: expect.stringContaining(field) });
    }
    expect((await send("GET", "/v1/models/constructor", key)).status).toBe(404);
    expect((await send("POST", "/v1/chat/completions", key, chat("hi", "constructor"))).status).toBe(404);
  });
});

/** Between whom the conductor would choose. */
const workersOf = async (key: string) => {
  const { text } = await send("POST", "/v1/plan", key, chat("Name a fish."));
  const { scores } = z.looseObject({ scores: z.array(z.looseObject({ worker: z.string() })) }).parse(JSON.parse(text));
  return scores.map(({ worker }) => worker).toSorted();
};

describe("who has two tenants' keys", () => {
  it("turns nobody away from a worker by failing at it in another's name", async () => {
    const policy = { allowed_workers: [luna, opus] };
    const [mine, theirs] = [await makeTenant("mine", {}, policy), await makeTenant("theirs", {}, policy)];
    vendors.openai.script({ status: 500 });
    for (let time = 0; time < 4; time += 1) {
      expect((await send("POST", "/v1/chat/completions", mine.key, chat("break", luna))).status).toBe(502);
    }
    expect(await workersOf(mine.key)).toEqual([opus]);
    expect(await workersOf(theirs.key)).toEqual([opus, luna]);
  });
});

describe("a worker that means harm", () => {
  let key: string;
  beforeAll(async () => {
    ({ key } = await makeTenant("moved"));
  });

  it.each(["302", "307", "308"])("sends nobody elsewhere with a %s", async (status) => {
    const answered = await send("POST", "/v1/chat/completions", key, chat("hi", `moved-${status}/m`));
    expect(answered.status).toBe(502);
    expect(answered.text).not.toContain("elsewhere");
    expect(crooked.visitors).toEqual([]);
  });
});

describe("an operator's credential", () => {
  it("makes no object of a tenant or key that there is not", async () => {
    await makeTenant("known");
    // What requests of earlier tests have still to tell of comes first.
    let before: readonly string[] = [];
    const isSettled = async () => {
      const last = before;
      before = await objects();
      return before.length === last.length;
    };
    await expect.poll(isSettled, { interval: 300 }).toBe(true);
    const ofStranger = [...(await statusesOf("admin", adminKey))].filter(([operation]) =>
      operation.includes("/tenants/stranger"),
    );
    expect(ofStranger.length).toBeGreaterThan(15);
    expect(ofStranger.filter(([, status]) => status !== 404 && status !== 400)).toEqual([]);
    for (const id of ["..%2Facme", "a%00b", "A".repeat(4000), "__proto__", "' OR 1=1 --"]) {
      expect((await send("GET", `/admin/tenants/${id}/keys`, adminKey)).status).toBe(404);
      expect((await send("GET", `/admin/tenants/known/keys/${id}`, adminKey)).status).toBe(404);
    }
    const made = (await objects()).filter((file) => !before.includes(file));
    // The reference's own examples of a tenant may have been made; strangers are not.
    expect(made.length).toBeLessThanOrEqual(1);
  });

  it("is told of when it is taken back and still used, by its print alone", async () => {
    await send("GET", "/admin/tenants", "credential-of-last-year");
    expect(system.output()).toMatch(/wrong_admin_credential/);
    expect(system.output()).not.toContain("credential-of-last-year");
  });
});
