import path from "node:path";
import { expect, it, describe } from "vitest";
import { unstable_readConfig as readWrangler } from "wrangler";
import * as z from "zod";
import { readWorkerConfig } from "../../edge/local/worker-config.ts";
import { readSettings } from "../../edge/runtime/settings.ts";

const file = path.join(import.meta.dirname, "..", "..", "wrangler.toml");

/** Words that name a part of the world, in hosts, in names of clouds' regions and in values. */
const words = {
  us: ["us", "nam", "enam", "wnam", "america"],
  eu: ["eu", "weur", "eeur", "europe"],
  ap: ["ap", "apac", "oc", "asia", "australia", "jp", "au", "in"],
} as const;
type Name = keyof typeof words;
const regions = ["us", "eu", "ap"] as const;
const others = (region: Name) => regions.filter((name) => name !== region);

/** What wrangler makes of it, as far as it is looked at here. */
const wranglerSchema = z.object({
  name: z.string(),
  main: z.string(),
  keep_names: z.boolean(),
  compatibility_date: z.string(),
  compatibility_flags: z.array(z.string()),
  vars: z.record(z.string(), z.unknown()),
  routes: z.unknown().optional(),
  placement: z.unknown().optional(),
  workers_dev: z.boolean().optional(),
  secrets: z.object({ required: z.array(z.string()) }).default({ required: [] }),
  migrations: z.array(z.looseObject({ new_sqlite_classes: z.array(z.string()).default([]) })),
  durable_objects: z.object({ bindings: z.array(z.looseObject({ name: z.string(), class_name: z.string() })) }),
});

const configOf = (env: Name | null) =>
  wranglerSchema.parse(readWrangler({ config: file, ...(env && { env }) }, { hideWarnings: true }));

/** What the local start makes of it. */
const localConfigOf = async (env: Name | null) => {
  const config = await readWorkerConfig(file, env);
  if (!config.ok) throw new Error(config.error);
  return config.value;
};

/** Every text in a value, with the path to it. */
const textsIn = (value: unknown, at: string): readonly (readonly [string, string])[] => {
  if (typeof value === "string") return [[at, value]];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => textsIn(inner, `${at}.${key}`));
};

/** What tells an environment from the others: its name, where it is, what it is given and bound to. */
const ownTexts = (region: Name) => {
  const { name, routes, placement, vars, durable_objects: objects, secrets } = configOf(region);
  return textsIn({ name, routes, placement, vars, objects, secrets }, region);
};

const isShared = (at: string) => /\.(PUBLIC_HOSTS|custom_domain)$|\.objects\.bindings\.|\.secrets\.required\./.test(at);

describe.each(regions)("the environment %s of wrangler.toml", (region) => {
  it("names no other region, but in PUBLIC_HOSTS", () => {
    const foreign = new Set<string>(others(region).flatMap((other) => words[other]));
    const naming = ownTexts(region).filter(([, text]) => text.split(/[^a-z]+/).some((word) => foreign.has(word)));
    expect(naming.map(([at]) => at)).toEqual([`${region}.vars.PUBLIC_HOSTS`]);
  });

  it("shares no host, URL or value with another", () => {
    const theirs = new Set(others(region).flatMap((other) => ownTexts(other).map(([, text]) => text)));
    expect(ownTexts(region).filter(([at, text]) => !isShared(at) && theirs.has(text))).toEqual([]);
  });

  it("binds objects of its own Worker and no others, the same classes as everywhere", () => {
    const { name, durable_objects: objects, migrations } = configOf(region);
    expect(name).toBe(`shoal-${region}`);
    expect(objects).toEqual(configOf(null).durable_objects);
    expect(objects.bindings.every((binding) => binding["script_name"] === undefined)).toBe(true);
    const made = migrations.flatMap((migration) => migration.new_sqlite_classes);
    expect(objects.bindings.map((binding) => binding.class_name).toSorted()).toEqual(made.toSorted());
  });

  it("is what the region says of itself: storage, data, hosts, secrets", () => {
    const { vars, routes, secrets, workers_dev: dev } = configOf(region);
    const settings = readSettings(vars);
    expect(settings.region).toBe(region);
    expect(settings.jurisdiction ?? settings.locationHint).toBe({ us: "us", eu: "eu", ap: "apac" }[region]);
    expect(settings.dataRegions).toEqual({ us: ["global"], eu: ["eu"], ap: ["ap"] }[region]);
    expect(routes).toEqual([{ pattern: settings.publicHosts.get(region), custom_domain: true }]);
    expect([...settings.publicHosts.keys()]).toEqual(regions);
    expect(dev).toBe(false);
    expect(secrets.required).toEqual(["KEY_SECRET", "ADMIN_KEY", "INFERENCE_SECRET"]);
    expect(settings).toMatchObject({ keySecret: "", adminKey: "", devKey: "", inference: { secret: "" } });
  });
});

describe("the local start", () => {
  it.each([null, ...regions])("reads the environment %s as wrangler does", async (region) => {
    const wrangler = configOf(region);
    expect(await localConfigOf(region)).toEqual({
      main: path.relative(path.dirname(file), wrangler.main),
      keepNames: wrangler.keep_names,
      compatibilityDate: wrangler.compatibility_date,
      compatibilityFlags: wrangler.compatibility_flags,
      vars: wrangler.vars,
      requiredSecrets: wrangler.secrets.required,
      objects: wrangler.durable_objects.bindings.map(({ name, class_name: className }) => ({
        binding: name,
        className,
        sql: wrangler.migrations.some((migration) => migration.new_sqlite_classes.includes(className)),
      })),
    });
  });

  it("says which environments there are when it is asked for another", async () => {
    const config = await readWorkerConfig(file, "moon");
    expect(config.ok ? "" : config.error).toMatch(/no environment 'moon', it has: us, eu, ap$/);
  });
});
