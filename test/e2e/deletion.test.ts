import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { expect, it } from "vitest";
import { adminKey, systemUnderTest } from "../support/system-under-test.ts";

/** In everything that the tenant says, is told and is called. */
const marker = "coelacanth";

const { vendors, state, send, makeTenant } = systemUnderTest();

const admin = (method: string, url: string, body?: object) => send(method, `/admin${url}`, adminKey, body);

const makeMarked = (id: string) => {
  const policy = { name: `${marker} ${id}`, cache: { ttl_seconds: 3600 }, allowed_workers: ["openai/gpt-5.4"] };
  return makeTenant(id, policy, { name: `${marker}-key-of-${id}` });
};

/** A kept response, a cached answer, a trace, a ledger row, and a vendor's key of its own. */
const leaveTraces = async (id: string, key: string) => {
  await admin("PUT", `/tenants/${id}/vendor-keys/openai`, { key: vendors.openai.key });
  await admin("PUT", `/tenants/${id}/workers/openai/${marker}`, {
    context_tokens: 100_000,
    max_output_tokens: 1000,
    price: { input: 1, output: 2 },
    abilities: [],
  });
  vendors.openai.script({ text: [`The ${marker} is a fish.`] });
  const input = `What is a ${marker}?`;
  expect(await send("POST", "/v1/responses", key, { model: "openai/gpt-5.4", input })).toMatchObject({ status: 200 });
  const messages = [{ role: "user", content: input }];
  const chat = { model: "openai/gpt-5.4", messages };
  expect(await send("POST", "/v1/chat/completions", key, chat)).toMatchObject({ status: 200 });
  expect(await send("GET", "/v1/usage", key)).toMatchObject({ status: 200 });
};

type Line = Readonly<Record<string, unknown>> & { readonly type: string };

const exportOf = async (id: string): Promise<readonly Line[]> => {
  const exported = await admin("GET", `/tenants/${id}/export`);
  expect(exported.status).toBe(200);
  return exported.text
    .trim()
    .split("\n")
    .map((line): Line => JSON.parse(line));
};

/** Which of these words stand in which file of the objects. */
const foundOf = async (...words: readonly string[]): Promise<readonly string[]> => {
  const dir = path.join(state.dir, "state");
  const names = await readdir(dir, { recursive: true, withFileTypes: true });
  const files = names.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
  const found = await Promise.all(
    files.map(async (file) => {
      const bytes = await readFile(file);
      return words.filter((word) => bytes.includes(word)).map((word) => `${word} in ${path.relative(dir, file)}`);
    }),
  );
  return found.flat();
};

it("exports all that a tenant has, conversations in clear and secrets not at all", async () => {
  const { key } = await makeMarked("exporter");
  await leaveTraces("exporter", key);
  const lines = await exportOf("exporter");
  const types = new Set(lines.map(({ type }) => type));
  for (const type of ["tenant", "key", "vendor_key", "worker", "usage", "request", "trace", "turn", "end"]) {
    expect(types).toContain(type);
  }
  expect(lines.at(-1)).toEqual({ type: "end", lines: lines.length - 1 });
  const turn = lines.find(({ type }) => type === "turn");
  expect(JSON.stringify(turn)).toContain(`What is a ${marker}?`);
  const all = JSON.stringify(lines);
  expect(all).not.toContain(key);
  expect(all).not.toContain(vendors.openai.key);
  expect(all).not.toMatch(/"hash"|"sealed"/);
  expect(await foundOf(key, vendors.openai.key, `What is a ${marker}?`)).toEqual([]);
});

it("leaves no byte of a deleted tenant in its objects, and gives its id to nobody", async () => {
  const { key } = await makeMarked("leaver");
  const stays = await makeMarked("stayer");
  await leaveTraces("leaver", key);
  await leaveTraces("stayer", stays.key);
  const request = (await exportOf("leaver")).find(({ type }) => type === "request");
  const ofLeaver = [`${marker} leaver`, `${marker}-key-of-leaver`, String(request?.["request_id"])];
  expect(await foundOf(...ofLeaver)).not.toEqual([]);

  const deleted = await admin("DELETE", "/tenants/leaver");
  expect(JSON.parse(deleted.text)).toMatchObject({ id: "leaver", status: "deleted" });
  const gone = JSON.parse((await admin("GET", "/tenants/leaver")).text);
  expect(gone).toMatchObject({ id: "leaver", name: "", status: "deleted" });
  // The directory's file has the old name until its write-ahead log is written over.
  const left = (await foundOf(...ofLeaver)).filter((place) => !/-Region\/\w+\.sqlite-wal$/.test(place));
  expect(left).toEqual([]);
  expect(await admin("GET", "/tenants/leaver/usage")).toMatchObject({ status: 404 });
  expect(await admin("POST", "/tenants", { id: "leaver", name: "again" })).toMatchObject({ status: 400 });
  const audit = JSON.parse((await admin("GET", "/audit?tenant=leaver&limit=1")).text);
  expect(audit.data).toMatchObject([{ action: "DELETE", status: 200, note: "all that the tenant had was deleted" }]);

  expect(await send("POST", "/v1/chat/completions", stays.key, chatOf("still there?"))).toMatchObject({ status: 200 });
  const chat = async () => (await send("POST", "/v1/chat/completions", key, chatOf("anybody?"))).status;
  await expect.poll(chat, { timeout: 11_000, interval: 100 }).toBe(401);
  const log = await exportOf("stayer");
  expect(log.some(({ type }) => type === "turn")).toBe(true);
});

const chatOf = (content: string) => ({ model: "openai/gpt-5.4", messages: [{ role: "user", content }] });
