import type { Vendors } from "../support/vendors.ts";
import { ask, converse, demand, makeTenant, type Place, type Seen, type Traffic } from "./client.ts";
import { animate, openingOf, type Nature } from "./world.ts";

/** The worker that the team has used so far. */
export const baseline = { id: "anthropic/claude-opus-4-6", upstream: "claude-opus-4-6" } as const;

/** Conversations of each stage. */
export type Size = {
  readonly each: number;
  readonly canary: number;
  readonly clients: number;
};

export type Migration = {
  /** What `GET /v1/rollout?format=text` said at the end of each stage. */
  readonly reports: readonly { readonly stage: string; readonly text: string }[];
  /** What the last request that was not the baseline's was, in milliseconds since the switch; 0: there was none. */
  readonly lastOfShoalMs: number;
  /** Requests after the switch, and those of them later than ten seconds after it. */
  readonly afterSwitch: number;
  readonly afterTenSeconds: number;
  /** Those of the last that the baseline did not serve. */
  readonly strays: number;
};

type World = Place & {
  readonly vendors: Vendors;
  readonly random: () => number;
  readonly size: Size;
  readonly say: (text: string) => void;
};

const slow: Nature = { firstMs: 90, wordMs: 9, outputTokens: 500, refuses: 0.01 };
const quick: Nature = { firstMs: 45, wordMs: 5, outputTokens: 400, refuses: 0.01 };
const bad: Nature = { ...quick, refuses: 0.3 };

const is = (model: string) => model === baseline.upstream;

/** A team moves from its baseline, stage by stage, and at the end is switched back. */
export const migrate = async (world: World): Promise<Migration> => {
  const { vendors, random, size, say } = world;
  animate(vendors, (model) => (is(model) ? slow : quick), random);
  const tenant = "moving";
  const { key } = await makeTenant(world, tenant, { mode: "off", baseline: baseline.id });
  const score = ({ plan }: Seen) =>
    random() < 0.5 ? Number(random() < (plan.includes(baseline.id) ? 0.8 : 0.85)) : null;
  const reports: { stage: string; text: string }[] = [];
  let from = 0;
  for (const [mode, count] of [
    ["off", size.each],
    ["shadow", size.each],
    ["canary:10", size.canary],
    ["on", size.each],
  ] as const) {
    say(mode);
    await switchTo(world, tenant, key, mode);
    const traffic: Traffic = { key, from, count, clients: size.clients, random, score };
    await converse(world, traffic);
    from += count;
    reports.push({ stage: mode, text: await reportOf(world, key) });
  }
  say("off again");
  return { reports, ...(await switchBack(world, { tenant, key, from })) };
};

/** A team whose conductor chooses badly: what the canary says when it has gone back by itself. */
export const retreat = async (world: World): Promise<string> => {
  const { vendors, random, size, say } = world;
  say("canary:10 of workers that fail");
  animate(vendors, (model) => (is(model) ? slow : bad), random);
  const { key } = await makeTenant(world, "retreating", { mode: "canary:10", baseline: baseline.id });
  for (let from = 0; from < 20 * size.canary; from += size.each) {
    await converse(world, { key, from, count: size.each, clients: size.clients, random, score: () => null });
    const text = await reportOf(world, key);
    if (text.includes("went back")) return text;
  }
  return reportOf(world, key);
};

/** Sets a mode and waits until the system serves it: ten seconds at most. */
const switchTo = async (world: World, tenant: string, key: string, mode: string): Promise<void> => {
  const name = mode.split(":")[0] ?? mode;
  await demand(world, world.adminKey, "PATCH", `/admin/tenants/${tenant}`, { mode });
  for (let index = 0; index < 1_000; index += 1) {
    const { plan } = await ask(world, key, [{ role: "user", content: `Is it ${mode} yet? ${index}` }]);
    if (plan.includes(`mode=${name};`)) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`the system does not serve mode ${mode}`);
};

type Switched = Omit<Migration, "reports">;

/** One switch while requests come in, and what was served after it. */
const switchBack = async (
  world: World,
  { tenant, key, from }: { readonly tenant: string; readonly key: string; readonly from: number },
): Promise<Switched> => {
  await demand(world, world.adminKey, "PATCH", `/admin/tenants/${tenant}`, { mode: "off" });
  const at = performance.timeOrigin + performance.now();
  const seen: Seen[] = [];
  const client = async (number: number): Promise<void> => {
    for (let index = number; performance.timeOrigin + performance.now() < at + 12_000; index += world.size.clients) {
      seen.push(await ask(world, key, [{ role: "user", content: openingOf(from + index) }]));
    }
  };
  await Promise.all(Array.from({ length: world.size.clients }, (_, number) => client(number)));
  const shoals = seen.filter(({ arm }) => arm === "shoal").map((answer) => answer.at - at);
  const late = seen.filter((answer) => answer.at >= at + 10_000);
  return {
    lastOfShoalMs: Math.round(Math.max(0, ...shoals)),
    afterSwitch: seen.length,
    afterTenSeconds: late.length,
    strays: late.filter(({ plan }) => !plan.startsWith(`direct ${baseline.id};`)).length,
  };
};

/** The latest stage's report. */
const reportOf = async (world: World, key: string): Promise<string> =>
  (await demand(world, key, "GET", "/v1/rollout?format=text&limit=1")).text();
