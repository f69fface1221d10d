/**
 * `npm start`: the whole of Shoal on this machine. The edge is the bundled Worker under workerd with production's
 * bindings, the inference service is a Node process beside it. Everything that outlives a run is under `.shoal/`.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import path from "node:path";
import { createChildren } from "./children.ts";
import { edgeUrl, startEdge, whenEdgeReady } from "./edge-process.ts";
import { keepInference, startInference, whenInferenceReady } from "./inference-service.ts";
import { readPool } from "./pool-report.ts";
import { prepare } from "./prepare.ts";
import { describeEnd } from "./readiness.ts";
import { createTerminal } from "./terminal.ts";
import { writeWelcome } from "./welcome.ts";

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
const { settings, key, adminKey, inferenceSecret, configFile, worker, inference, localOnly } = prepared.value;

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

const inferenceOptions = { root, port: settings.inferencePort, secret: inferenceSecret, env: inference };
const inferenceChild = startInference(children, inferenceOptions);
const edgeChild = startEdge(children, { port: settings.port, configFile, env: worker });
void edgeChild.ended.then((how) => fail(describeEnd(edgeChild, how)));

const [edgeReady, inferenceReady] = await Promise.all([
  whenEdgeReady(edgeChild, settings.port, key),
  whenInferenceReady(inferenceChild, settings.inferencePort),
]);
const problem = [edgeReady, inferenceReady].find((ready) => !ready.ok);
if (problem && !problem.ok) await fail(problem.error);
else {
  const pool = await readPool(settings.port, { key, adminKey });
  print(writeWelcome({ url: edgeUrl(settings.port), key, pool, localOnly }));
  await keepInference(children, inferenceOptions, inferenceChild, { print, now, stopped: () => stopping !== null });
}
