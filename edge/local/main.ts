/**
 * `npm start`: the whole of Shoal on this machine. The edge is the bundled Worker under workerd with production's
 * bindings, the inference service is a Node process beside it. Everything that outlives a run is under `.shoal/`. With
 * `SHOAL_REGIONS=us,eu` it is as many of both as there are regions, which share nothing but this launcher.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import path from "node:path";
import { createChildren } from "./children.ts";
import { prepare } from "./prepare.ts";
import { describeEnd } from "./readiness.ts";
import { startSystem } from "./system.ts";
import { createTerminal } from "./terminal.ts";

const root = path.join(import.meta.dirname, "..", "..");
/** A terminal's Ctrl-C arrives twice under npm, which forwards it; what comes later is a second press. */
const samePressMs = 500;
const graceMs = 10_000;

const terminal = createTerminal(process.stdout);
const { print } = terminal;
const now = () => performance.now();

if (existsSync(".env")) process.loadEnvFile(".env");
const random = (bytes: number) => randomBytes(bytes).toString("hex");
const prepared = await prepare({ root, env: process.env, cwd: process.cwd(), random });
if (!prepared.ok) {
  console.error(prepared.error);
  process.exit(1);
}
const { systems: all, unused } = prepared.value;
if (unused.length > 0) {
  print(`Not used: ${unused.join(", ")}. With SHOAL_REGIONS each region has its own, in .env.<region>.`);
}

const children = createChildren(terminal.printFrom);
let stopping: number | null = null;

const stop = async (code: number) => {
  if (stopping !== null) return;
  stopping = now();
  await children.stop(graceMs);
  process.exit(code);
};
const fail = (message: string) => {
  if (stopping === null) console.error(message);
  return stop(1);
};
const onSignal = () => {
  if (stopping === null) print("Stopping once running answers are done. Ctrl-C again ends them.");
  else if (now() - stopping > samePressMs) children.kill();
  void stop(0);
};
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, onSignal);
// Whoever read the output is gone, as after `npm start | head`.
process.stdout.on("error", () => void stop(1));

const systems = all.map((system) => startSystem(children, root, system));
for (const { edge } of systems) void edge.ended.then((how) => fail(describeEnd(edge, how)));

const outcomes = await Promise.all(systems.map((system) => system.ready()));
const problem = outcomes.find((outcome) => !outcome.ok);
if (problem && !problem.ok) await fail(problem.error);
else {
  for (const system of systems) print(await system.welcome());
  await Promise.all(systems.map((system) => system.keep({ print, now, stopped: () => stopping !== null })));
}
