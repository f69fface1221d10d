import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, it } from "vitest";
import { readFields } from "../../edge/local/admin/read-fields.ts";
import { writeFields, writeTable } from "../../edge/local/admin/write-table.ts";
import { startCommand } from "../support/command.ts";
import { systemUnderTest } from "../support/system-under-test.ts";

describe("fields of a command", () => {
  it("are read by what they are, and nested by their dots", () => {
    expect(
      readFields([
        "name=12 monkeys",
        "limits.usd_per_month=100.5",
        "limits.concurrency=4",
        "allowed_workers=a/b, c/d",
        "mode=canary:10",
        "cache.ttl_seconds=60",
      ]),
    ).toEqual({
      name: "12 monkeys",
      limits: { usd_per_month: 100.5, concurrency: 4 },
      allowed_workers: ["a/b", "c/d"],
      mode: "canary:10",
      cache: { ttl_seconds: 60 },
    });
  });

  it("are null where nothing follows the sign, and words as they stand", () => {
    expect(readFields(["baseline=", "limits.usd_per_day=", "name=77", "expires_at=2027-01-01T00:00:00Z"])).toEqual({
      baseline: null,
      limits: { usd_per_day: null },
      name: "77",
      expires_at: "2027-01-01T00:00:00Z",
    });
  });

  it("are refused without a sign", () => {
    expect(() => readFields(["loud"])).toThrow("'loud' is not field=value");
  });
});

describe("a table for people", () => {
  it("has columns as wide as their widest, numbers to the right", () => {
    const rows = [
      { id: "a", cost: 5 },
      { id: "long", cost: 12.5 },
    ];
    expect(writeTable(rows, ["id", "cost"])).toBe("id    cost\na        5\nlong  12.5\n");
  });

  it("says that there is nothing", () => {
    expect(writeTable([], ["id"])).toBe("none\n");
  });

  it("of one thing names what is nested by its path", () => {
    expect(writeFields({ id: "a", limits: { usd: 5 }, list: ["x", "y"], none: null })).toBe(
      "id          a\nlimits.usd  5\nlist        x,y\nnone        -\n",
    );
  });
});

describe("npm run admin", () => {
  // The launcher makes the operator's credential.
  const { vendors, system, state, send } = systemUnderTest({ ADMIN_KEY: "" });

  const admin = (words: readonly string[], { input = "", env = {} } = {}) =>
    startCommand("edge/local/admin/main.ts", words, {
      cwd: state.dir,
      env: {
        PATH: process.env["PATH"],
        SHOAL_PORT: new URL(system.url).port,
        SHOAL_STATE_DIR: state.dir,
        ...env,
      },
      input,
    }).ended;

  const chat = async (key: string) => {
    const body = { model: "shoal-mini", messages: [{ role: "user", content: "Name a fish." }] };
    return (await send("POST", "/v1/chat/completions", key, body)).status;
  };

  it("makes a tenant and its key, and shows what they have used, with the local start's own credential", async () => {
    const made = await admin(["tenants", "create", "acme", "name=Acme", "limits.usd_per_month=5"]);
    expect(made).toMatchObject({ stderr: "", code: 0, stdout: expect.stringMatching(/^limits\.usd_per_month +5$/m) });
    const created = await admin(["--json", "keys", "create", "acme", "backend"]);
    const { key, id }: { key: string; id: string } = JSON.parse(created.stdout);
    expect(await chat(key)).toBe(200);
    const usage = await admin(["usage", "acme", "--by", "key,model"]);
    expect(usage.stdout).toMatch(new RegExp(`^${id} +backend +shoal-mini +1 +1 `, "m"));
    expect(usage.stdout).toMatch(/^total +1 +1 /m);
    const table = await admin(["ledger", "acme", "--csv"]);
    expect(table.stdout).toMatch(/^request_id,at,key_id,/);
    const listed = await admin(["keys", "list", "acme"]);
    expect(listed.stdout).toContain(id);
    expect(listed.stdout).not.toContain(key);
  });

  it("changes, rotates and revokes", async () => {
    await admin(["tenants", "create", "moving"]);
    const created = await admin(["--json", "keys", "create", "moving", "old"]);
    const { key, id }: { key: string; id: string } = JSON.parse(created.stdout);
    const changed = await admin(["tenants", "set", "moving", "mode=off", "baseline=openai/gpt-5.4"]);
    expect(changed).toMatchObject({ code: 0, stdout: expect.stringMatching(/^mode +off$/m) });
    const rotated = await admin(["--json", "keys", "rotate", "moving", id, "--overlap", "60"]);
    const next: { key: string } = JSON.parse(rotated.stdout);
    expect([await chat(key), await chat(next.key)]).toEqual([200, 200]);
    expect(await admin(["keys", "revoke", "moving", id])).toMatchObject({ stdout: "done\n", code: 0 });
    expect((await admin(["audit", "--tenant", "moving"])).stdout).toMatch(/DELETE +\/admin\/tenants\/moving\/keys\//);
  });

  it("reads a vendor's key from standard input and shows its end", async () => {
    await admin(["tenants", "create", "owning"]);
    const set = await admin(["vendor-keys", "set", "owning", "openai"], { input: `${vendors.openai.key}\n` });
    expect(set).toMatchObject({ code: 0, stdout: expect.stringMatching(/^provider +openai$/m) });
    expect(set.stdout).not.toContain(vendors.openai.key);
    const worker = ["own-workers", "set", "owning", "openai/tuned", "context_tokens=9000", "max_output_tokens=100"];
    expect(await admin([...worker, "price.input=1", "price.output=2"])).toMatchObject({ code: 0 });
    expect((await admin(["own-workers", "list", "owning"])).stdout).toContain("openai/tuned");
  });

  it("deletes only what is named twice", async () => {
    await admin(["tenants", "create", "leaving"]);
    expect(await admin(["tenants", "delete", "leaving"])).toMatchObject({
      code: 1,
      stderr: "this cannot be undone: add --confirm leaving\n",
    });
    const lines = (await admin(["tenants", "export", "leaving"])).stdout.trim().split("\n");
    expect(JSON.parse(lines.at(-1) ?? "")).toEqual({ type: "end", lines: lines.length - 1 });
    expect(await admin(["tenants", "delete", "leaving", "--confirm", "leaving"])).toMatchObject({ code: 0 });
    expect((await admin(["tenants", "list"])).stdout).not.toContain("leaving");
    expect((await admin(["tenants", "list", "--deleted"])).stdout).toMatch(/^leaving .* deleted /m);
  });

  it("says in one line what is wrong", async () => {
    expect(await admin(["tenants", "show", "nobody"])).toMatchObject({
      code: 1,
      stderr: "404: there is no tenant 'nobody'\n",
    });
    expect(await admin(["tenants", "list"], { env: { SHOAL_URL: system.url } })).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^ADMIN_KEY is not set/),
    });
    expect(await admin(["tenants", "list"], { env: { ADMIN_KEY: "wrong" } })).toMatchObject({
      code: 1,
      stderr: "401: the API key is not valid\n",
    });
    const elsewhere = path.join(state.dir, "elsewhere");
    await mkdir(elsewhere);
    await writeFile(path.join(elsewhere, "secrets.json"), "{}");
    expect(await admin(["workers"], { env: { SHOAL_STATE_DIR: elsewhere } })).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^there is no credential/),
    });
  });
});
