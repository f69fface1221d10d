import { createHmac, createHash } from "node:crypto";
import { glob, readFile } from "node:fs/promises";
import path from "node:path";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import * as z from "zod";
import { startRegions, type Regions } from "../support/start.ts";
import { startVendors, type Vendors } from "../support/vendors.ts";

const names = ["us", "eu"] as const;
type Name = (typeof names)[number];
const otherThan = (name: Name): Name => (name === "us" ? "eu" : "us");

/** A tenant of the test, and everything that tells it from others wherever it turns up. */
type Tenant = {
  readonly id: string;
  readonly key: string;
  /** What its prompts hold and no other's do. */
  readonly marker: string;
  readonly requestIds: readonly string[];
};

type Place = {
  readonly vendors: Vendors;
  readonly adminKey: string;
  readonly tenants: readonly Tenant[];
};

let running: Regions<Name>;
const places = new Map<Name, Place>();
const placeOf = (name: Name): Place => {
  const place = places.get(name);
  if (!place) throw new Error(`${name} has not started`);
  return place;
};

const within = { timeout: 15_000, interval: 100 };

const send = async (name: Name, resource: string, { key, body }: { readonly key: string; readonly body?: object }) => {
  const response = await fetch(`${running.regions[name].url}${resource}`, {
    method: body ? "POST" : "GET",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, id: response.headers.get("x-request-id") ?? "", text };
};

const administer = async (name: Name, resource: string, body: object) => {
  const made = await send(name, `/admin/${resource}`, { key: placeOf(name).adminKey, body });
  expect(made.status).toBe(201);
  return z.looseObject({ key: z.string().default("") }).parse(JSON.parse(made.text));
};

/** The same words in every region and for every tenant, besides the marker. */
const wordsOf = (marker: string) => `Name a fish that swims in shoals. ${marker}`;

/** Through every way in: JSON and streamed, a team, a stored response, an embedding. */
const askAll = async (name: Name, key: string, marker: string): Promise<readonly string[]> => {
  const messages = [{ role: "user" as const, content: wordsOf(marker) }];
  const requests = [
    ["/v1/chat/completions", { model: "shoal-mini", messages }],
    ["/v1/chat/completions", { model: "shoal-mini", messages, stream: true }],
    ["/v1/chat/completions", { model: "shoal-ultra", messages }],
    ["/v1/messages", { model: "shoal-mini", messages, max_tokens: 100 }],
    ["/v1/responses", { model: "shoal-mini", input: wordsOf(marker), store: true }],
    ["/v1/embeddings", { model: "all-minilm-l6-v2", input: wordsOf(marker) }],
  ] as const;
  const ids: string[] = [];
  for (const [resource, body] of requests) {
    const answer = await send(name, resource, { key, body });
    expect(answer).toMatchObject({ status: 200 });
    ids.push(answer.id);
  }
  return ids;
};

const startTenant = async (name: Name, id: string): Promise<Tenant> => {
  await administer(name, "tenants", { id, name: `Tenant ${id}` });
  const { key } = await administer(name, `tenants/${id}/keys`, { name: "first" });
  const marker = `marker${id}${"q".repeat(8)}`;
  return { id, key, marker, requestIds: await askAll(name, key, marker) };
};

const environmentOf = (name: Name) => ({ ...placeOf(name).vendors.env, ADMIN_KEY: placeOf(name).adminKey });

beforeAll(async () => {
  for (const name of names) {
    const vendors = await startVendors(name);
    places.set(name, { vendors, adminKey: `admin-of-${name}-0123456789abcdef0123456789`, tenants: [] });
  }
  // Nobody says where the third vendor of eu processes.
  running = await startRegions({
    us: environmentOf("us"),
    eu: { ...environmentOf("eu"), SHOAL_PROVIDER_REGIONS: "openai=eu,anthropic=eu" },
  });
  for (const name of names) {
    const tenants = [await startTenant(name, `cod${name}`), await startTenant(name, `tuna${name}`)];
    places.set(name, { ...placeOf(name), tenants });
  }
});
afterAll(async () => {
  await running?.stop();
  for (const { vendors } of places.values()) await vendors[Symbol.asyncDispose]();
});

type StoredFile = { readonly name: string; readonly bytes: Buffer };

/** Every file that a region has left behind, by its path below the region's folder. */
const storedBy = async (name: Name): Promise<readonly StoredFile[]> => {
  const { stateDir } = running.regions[name];
  const files: StoredFile[] = [];
  for await (const entry of glob("**/*", { cwd: stateDir, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    files.push({ name: path.relative(stateDir, file), bytes: await readFile(file) });
  }
  return files;
};

const filesWith = (files: readonly StoredFile[], text: string): readonly string[] =>
  files.filter(({ bytes }) => bytes.includes(text)).map(({ name }) => name);

const secretsOf = async (name: Name): Promise<readonly string[]> => {
  const text = await readFile(path.join(running.regions[name].stateDir, "secrets.json"), "utf8");
  return Object.values(z.record(z.string(), z.string()).parse(JSON.parse(text)));
};

/** Everything that belongs to a region and to no other. */
const belongingsOf = async (name: Name): Promise<readonly string[]> => {
  const { tenants, adminKey, vendors } = placeOf(name);
  return [
    ...tenants.flatMap(({ id, key, marker, requestIds }) => [id, key, marker, ...requestIds]),
    ...(await secretsOf(name)),
    adminKey,
    vendors.openai.key,
    vendors.anthropic.key,
    vendors.google.key,
  ];
};

const outboundOf = (name: Name): string =>
  JSON.stringify(
    placeOf(name)
      .vendors.calls()
      .map(({ path: to, headers, body }) => ({ to, headers, body })),
  );

/** The request ids are in the ledger and in the trace once the requests have settled. */
const settled = (name: Name) =>
  vi.waitFor(async () => {
    const files = await storedBy(name);
    for (const { requestIds } of placeOf(name).tenants) {
      for (const id of requestIds.slice(0, -1)) expect(filesWith(files, id).length).toBeGreaterThanOrEqual(2);
    }
    return files;
  }, within);

describe.each(names)("region %s", (name) => {
  it("calls its own vendors with its own keys", () => {
    const { vendors, tenants } = placeOf(name);
    expect(vendors.violations).toEqual([]);
    for (const { marker } of tenants) expect(outboundOf(name)).toContain(marker);
    expect(outboundOf(name)).toContain(vendors.openai.key);
  });

  it("keeps everything of its own from the other's storage, logs and outbound calls", async () => {
    const files = await settled(name);
    const logs = running.regions[name].log();
    const outbound = outboundOf(name);
    for (const belonging of await belongingsOf(otherThan(name))) {
      expect(filesWith(files, belonging)).toEqual([]);
      expect(logs).not.toContain(belonging);
      expect(outbound).not.toContain(belonging);
    }
  });

  it("writes no prompt, key or secret where it logs, and no prompt or key in plain words where it stores", async () => {
    const files = await settled(name);
    const { tenants } = placeOf(name);
    for (const belonging of await belongingsOf(name)) expect(running.regions[name].log()).not.toContain(belonging);
    for (const { marker, key } of tenants) {
      expect(filesWith(files, marker)).toEqual([]);
      expect(filesWith(files, key)).toEqual([]);
    }
  });

  it("keeps a tenant's bytes in the tenant's own objects", async () => {
    const files = await settled(name);
    for (const tenant of placeOf(name).tenants) {
      const own = objectsOf(tenant.id);
      for (const id of tenant.requestIds) {
        const objects = filesWith(files, id).map((file) => file.replace(/\.sqlite(-wal)?$/, ""));
        expect(own).toEqual(expect.arrayContaining(objects));
      }
    }
  });

  it("sends a key of the other to the other's host, and touches no object for it", async () => {
    const other = otherThan(name);
    const [tenant] = placeOf(other).tenants;
    const before = (await storedBy(name)).map((file) => file.name);
    const invented = `sk-shoal-${other}-nobody-abcdefgh-${"A".repeat(32)}${"0".repeat(16)}`;
    for (const key of [tenant?.key ?? "", running.regions[other].key, invented]) {
      const body = { model: "shoal-mini", messages: [{ role: "user", content: "Whose key is this?" }] };
      const answer = await send(name, "/v1/chat/completions", { key, body });
      expect(answer.status).toBe(421);
      expect(answer.text).toContain(`the key belongs to region ${other}: use ${running.regions[other].url}`);
    }
    expect((await storedBy(name)).map((file) => file.name)).toEqual(before);
    expect(outboundOf(name)).not.toContain("Whose key is this?");
  });

  it("takes no key signed with the other's secret for its own", async () => {
    const [tenant] = placeOf(otherThan(name)).tenants;
    const key = (tenant?.key ?? "").replace(`sk-shoal-${otherThan(name)}-`, `sk-shoal-${name}-`);
    expect((await send(name, "/v1/models", { key })).status).toBe(401);
  });
});

/** Where workerd keeps a tenant's objects: their ids are HMACs of their names under the hash of the class's key. */
const objectsOf = (tenant: string): readonly string[] =>
  ["Tenant", "TenantLog"].map((kind) => {
    const secret = createHash("sha256").update(`shoal-${kind}`).digest();
    const first = createHmac("sha256", secret).update(tenant).digest().subarray(0, 16);
    const second = createHmac("sha256", secret).update(first).digest().subarray(0, 16);
    return path.join("state", `shoal-${kind}`, Buffer.concat([first, second]).toString("hex"));
  });

const modelsSchema = z.object({
  data: z.array(z.looseObject({ owned_by: z.string(), data_region: z.string().nullish() })),
});

const placesOf = async (name: Name) => {
  const { data } = modelsSchema.parse(JSON.parse((await send(name, "/v1/models", running.regions[name])).text));
  const workers = data.filter(({ owned_by }) => owned_by !== "shoal");
  return [...new Set(workers.map(({ owned_by, data_region }) => `${owned_by} ${data_region}`))].toSorted();
};

const ask = async (apiKey: string) =>
  new OpenAI({ baseURL: `${running.regions.eu.url}/v1`, apiKey, maxRetries: 0 }).chat.completions.create({
    model: "shoal-mini",
    messages: [{ role: "user", content: "Where am I?" }],
  });

describe("data regions", () => {
  it("leave nobody in the pool of eu who may process elsewhere", async () => {
    expect(await placesOf("eu")).toEqual(["anthropic eu", "openai eu"]);
    expect(placeOf("eu").vendors.google.calls).toEqual([]);
    expect(running.output()).toContain(
      "google, 5 workers: its data region is unknown, and SHOAL_DATA_REGIONS admits eu",
    );
    expect(await placesOf("us")).toEqual(["anthropic null", "google null", "openai null"]);
  });

  it("of a key narrow the pool, and say so when they empty it", async () => {
    const [tenant] = placeOf("eu").tenants;
    const key = async (region: string) =>
      (await administer("eu", `tenants/${tenant?.id}/keys`, { name: region, allowed_data_regions: [region] })).key;
    expect((await ask(await key("eu"))).choices).toHaveLength(1);
    await expect(ask(await key("us"))).rejects.toMatchObject({
      status: 403,
      message: expect.stringContaining("workers whose data region is us"),
    });
  });
});
