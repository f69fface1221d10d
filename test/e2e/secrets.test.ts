import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { systemUnderTest } from "../support/system-under-test.ts";

/** None of them looks like a key to a filter that goes by looks. */
const secrets = {
  KEY_SECRET: "kappa7Rtw2mq9secretOfTheRegion",
  ADMIN_KEY: "alpha3Zpk8nv5credentialOfTheOperator",
  INFERENCE_SECRET: "iota6Hxd4bj1sharedWithTheConductor",
  SHOAL_DEV_KEY: "delta9Qmc7ys2keyOfTheLocalStart",
  ECHO_KEY: "omega5Lfg1wr8keyOfAnIndiscreetHost",
} as const;
const prompt = "marker-of-the-prompt-3f81c2";
const answered = "marker-of-the-answer-9b07aa";

/** A host that repeats its caller's headers in everything it says. */
const repeat = (request: IncomingMessage, response: ServerResponse) => {
  const said = `you sent ${JSON.stringify(request.headers)}`;
  const body = JSON.stringify({ error: { message: said, type: "server_error", code: null, param: null } });
  if (request.url?.startsWith("/refuse/")) {
    response.writeHead(500, { "content-type": "application/json", "x-echo": said }).end(body);
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream" }).end(`data: ${body}\n\n`);
};

const startEcho = async () => {
  const server = createServer(repeat).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (typeof address !== "object" || !address) throw new Error("the server has no port");
  return { url: `http://127.0.0.1:${address.port}`, close: () => server.close() };
};

let echo: Awaited<ReturnType<typeof startEcho>>;
beforeAll(async () => {
  echo = await startEcho();
});
afterAll(() => echo?.close());

const hostOf = (name: string) => ({
  name,
  base_url: `${echo.url}/${name}`,
  api_key_env: "ECHO_KEY",
  models: [{ id: "m", context_tokens: 10_000, max_output_tokens: 1000, price: { input: 1, output: 1 }, abilities: [] }],
});
const { vendors, system, state, request } = systemUnderTest(() => ({
  ...secrets,
  SHOAL_PROVIDERS: JSON.stringify(["refuse", "interrupt"].map(hostOf)),
}));

const emitted: string[] = [];

/** Everything of the answer is kept: status line, headers, body. */
const send = async (method: string, route: string, key: string, body?: object | string): Promise<string> => {
  const response = await request(route, { method, key, body });
  const text = await response.text();
  emitted.push(JSON.stringify([...response.headers]), text);
  return text;
};

const chat = (model: string, stream: boolean) => ({ model, stream, messages: [{ role: "user", content: prompt }] });

/** In the forms in which it could be written down. */
const formsOf = (secret: string): readonly string[] => [
  secret,
  Buffer.from(secret).toString("base64").replace(/=+$/, ""),
  Buffer.from(secret).toString("hex"),
  encodeURIComponent(secret),
];

const leaksIn = (text: string, named: Readonly<Record<string, string>>): readonly string[] =>
  Object.entries(named).flatMap(([name, secret]) =>
    formsOf(secret).some((form) => text.includes(form)) ? [name] : [],
  );

const readAll = async (folder: string): Promise<string> => {
  const files = await readdir(folder, { recursive: true, withFileTypes: true });
  const texts = files
    .filter((file) => file.isFile())
    .map((file) => readFile(path.join(file.parentPath, file.name), "latin1"));
  return (await Promise.all(texts)).join("\n");
};

it("shows no secret in any answer, header, trace, log or stored byte, whatever happens", async () => {
  const { ADMIN_KEY: admin, SHOAL_DEV_KEY: dev } = secrets;
  await send("POST", "/admin/tenants", admin, { id: "acme", name: "Acme" });
  const made: { key: string } = JSON.parse(await send("POST", "/admin/tenants/acme/keys", admin, { name: "first" }));
  // The one place where a key is shown.
  emitted.pop();
  const vendorKeys = Object.fromEntries(["openai", "anthropic", "google"].map((name) => [name, `test-key-of-${name}`]));
  vendors.script({ text: [answered] });

  const models = ["shoal-mini", "shoal-ultra", "openai/gpt-6-luna", "refuse/m", "interrupt/m", "no/such"];
  const load = models.flatMap((model) =>
    [dev, made.key].flatMap((key) =>
      [true, false].map((stream) => send("POST", "/v1/chat/completions", key, chat(model, stream))),
    ),
  );
  await Promise.all([
    ...load,
    send("POST", "/v1/messages", made.key, { ...chat("refuse/m", true), max_tokens: 10 }),
    send("POST", "/v1/responses", made.key, { model: "interrupt/m", input: prompt, stream: true, store: false }),
    send("POST", "/v1/chat/completions", made.key, `{"broken ${prompt}`),
    send("POST", "/v1/embeddings", made.key, { model: "no-such", input: prompt }),
    send("GET", "/v1/models", made.key),
    send("GET", "/admin/tenants", made.key),
    send("GET", "/admin/workers", admin),
    send("GET", `/v1/models/${made.key}`, dev),
    send("GET", "/nowhere", admin),
    send("POST", "/v1/chat/completions", admin, chat("shoal-mini", false)),
    send("GET", "/openapi.json", dev),
  ]);
  for (const id of emitted.flatMap((text) => /"x-request-id","([^"]+)"/.exec(text)?.[1] ?? [])) {
    await send("GET", `/v1/traces/${id}`, made.key);
  }
  await system.stop();

  const all = { ...secrets, ...vendorKeys, tenant: made.key };
  expect(leaksIn(emitted.join("\n"), all)).toEqual([]);
  // The local start's own key is printed for its user, and is kept where the user may read it.
  const { SHOAL_DEV_KEY: _, ...unprinted } = all;
  expect(leaksIn(system.output(), unprinted)).toEqual([]);
  const stored = await readAll(path.join(state.dir, "state"));
  expect(stored.length).toBeGreaterThan(10_000);
  expect(leaksIn(stored, all)).toEqual([]);

  const traces = emitted.filter((text) => text.includes('"object":"trace"'));
  expect(traces.length).toBeGreaterThan(0);
  const words = { prompt, answered };
  expect(leaksIn(`${traces.join("\n")}\n${system.output()}\n${stored}`, words)).toEqual([]);
});
