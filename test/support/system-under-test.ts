/** What most black-box tests have in common: loopback vendors, the system started with them, and ways to ask it. */
import type Anthropic from "@anthropic-ai/sdk";
import type OpenAI from "openai";
import { afterAll, beforeAll, beforeEach, expect } from "vitest";
import { clientsOf } from "./clients.ts";
import { requestAt, sendAt, type Asked } from "./send.ts";
import { makeState, startSystem, type System } from "./start.ts";
import { startVendors, type Vendors } from "./vendors.ts";

/** The operator's credential of every system under test that is given no other. */
export const adminKey = "admin-key-of-the-tests";

/** Deadlines with which the conductor decides, however much else the machine does. */
export const patience = { SHOAL_PLAN_MINI_MS: "10000", SHOAL_PLAN_ULTRA_MS: "10000" };

type Env = Readonly<Record<string, string>>;
type State = Awaited<ReturnType<typeof makeState>>;
type MadeKey = { readonly key: string; readonly keyId: string };

/** All of it is there as soon as the first test runs; a request without a key has the local start's. */
export type SystemUnderTest = {
  readonly vendors: Vendors;
  readonly system: System;
  /** The folder of all that the system keeps. */
  readonly state: Pick<State, "dir">;
  readonly openai: OpenAI;
  readonly anthropic: Anthropic;
  /** `path` is the edge's. */
  readonly request: (path: string, asked?: Partial<Asked>) => Promise<Response>;
  /** The same, read to its end; `key` null: without one. */
  readonly send: (
    method: string,
    path: string,
    key: string | null,
    body?: object | string,
  ) => ReturnType<typeof sendAt>;
  /** A tenant with this policy, and its first key. */
  readonly makeTenant: (id: string, policy?: object, keyPolicy?: object) => Promise<MadeKey>;
  /** One more key of a tenant. */
  readonly makeKey: (tenant: string, policy?: object) => Promise<MadeKey>;
  /** What the system remembers of a request, by its answer's `x-request-id`. */
  readonly readTrace: (answer: { readonly headers: Headers }, key?: string) => Promise<unknown>;
};

/**
 * Starts vendors and the system with them before the tests of a file or a `describe`, and stops both after; the vendors
 * forget between tests. `env`: variables besides the vendors', `ADMIN_KEY` and `patience`, or above them.
 */
export const systemUnderTest = (env: Env | ((vendors: Vendors) => Env) = {}): SystemUnderTest => {
  let vendors: Vendors | undefined;
  let state: State | undefined;
  let system: System | undefined;
  beforeAll(async () => {
    [vendors, state] = await Promise.all([startVendors(), makeState()]);
    const own = typeof env === "function" ? env(vendors) : env;
    const all = { ...vendors.env, ...patience, ADMIN_KEY: adminKey, ...own };
    system = await startSystem({ env: all, stateDir: state.dir });
  });
  beforeEach(() => vendors?.reset());
  afterAll(async () => {
    await system?.stop();
    await vendors?.[Symbol.asyncDispose]();
    await state?.[Symbol.asyncDispose]();
  });

  const running = standIn(() => system);
  const send: SystemUnderTest["send"] = (method, path, key, body) =>
    sendAt(`${running.url}${path}`, { method, key, body });
  const makeKey = async (tenant: string, policy: object = {}): Promise<MadeKey> => {
    const made = await send("POST", `/admin/tenants/${tenant}/keys`, adminKey, { name: "another", ...policy });
    expect(made).toMatchObject({ status: 201, body: { key: expect.stringMatching(/^sk-shoal-us-/) } });
    return { key: String(made.body.key), keyId: String(made.body.id) };
  };
  return {
    vendors: standIn(() => vendors),
    system: running,
    state: standIn(() => state),
    openai: standIn(() => system && clientsOf(system).openai),
    anthropic: standIn(() => system && clientsOf(system).anthropic),
    request: (path, asked = {}) => requestAt(`${running.url}${path}`, { key: running.key, ...asked }),
    send,
    async makeTenant(id, policy = {}, keyPolicy = {}) {
      const made = await send("POST", "/admin/tenants", adminKey, { id, name: `Tenant ${id}`, ...policy });
      expect(made).toMatchObject({ status: 201 });
      return makeKey(id, { name: "first", ...keyPolicy });
    },
    makeKey,
    async readTrace({ headers }, key = running.key) {
      const { status, body } = await send("GET", `/v1/traces/${headers.get("x-request-id")}`, key);
      expect(status).toBe(200);
      return body;
    },
  };
};

/** Something that a hook makes, under a name that tests can have before. */
const standIn = <Made extends object>(made: () => Made | undefined): Made =>
  new Proxy<Made>(Object.create(null), {
    get(_, name) {
      const value = made();
      if (!value) throw new Error(`${String(name)} is there once the tests run`);
      return Reflect.get(value, name);
    },
  });
