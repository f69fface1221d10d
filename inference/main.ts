import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { createAdaptorServer } from "@hono/node-server";
import type { Llama } from "node-llama-cpp";
import { ulid } from "ulid";
import { parseHead, type Head } from "../shared/head.ts";
import { err, type Result } from "../shared/result.ts";
import { startChatModel } from "./chat-model.ts";
import { readConfig, type Config } from "./config.ts";
import { loadEncoder, type Encoder } from "./encode.ts";
import { openLlama } from "./llama.ts";
import { createLog, type Log } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import { startPlannerModel } from "./planner-model.ts";
import { showProgress } from "./progress.ts";
import { createServer } from "./server.ts";

/** Running answers get so long to finish after SIGTERM. */
const drainMs = 10_000;

const models = join(import.meta.dirname, "models");

const main = async (log: Log) => {
  const config = readConfig(process.env);
  if (!config.ok) return fail(log, "config-invalid", config.error.join("; "));
  await serve(config.value, log);
};

const fail = (log: Log, event: string, reason: string) => {
  log(event, { reason });
  process.exitCode = 1;
};

const serve = async (config: Config, log: Log) => {
  const stop = new AbortController();
  let draining = false;
  let encoder: Encoder | null = null;
  let head: Result<Head, string> = err("the head is being loaded");
  let chat: ReturnType<typeof startChatModel> | null = null;
  let planner: ReturnType<typeof startPlannerModel> | null = null;
  const plannerState = () => planner?.state() ?? ({ status: "loading", progress: null } as const);
  const readyPlanner = () => {
    const state = plannerState();
    return state.status === "ready" ? state.model : null;
  };
  const chatState = () => chat?.state() ?? ({ status: "loading", progress: null } as const);
  const chatModel = () => {
    const state = chatState();
    return state.status === "ready" ? state.model : null;
  };

  const app = createServer({
    secret: config.secret,
    encoder: () => encoder,
    conductor: () => {
      if (!head.ok) return head.error;
      return encoder === null ? "the encoder is being loaded" : { encoder, head: head.value, planner: readyPlanner() };
    },
    chat: chatState,
    planner: plannerState,
    metrics: createMetrics({
      encoderQueue: () => encoder?.queued() ?? 0,
      chatBusy: () => chatModel()?.busy() ?? 0,
      chatWaiting: () => chatModel()?.waiting() ?? 0,
      plannerBusy: () => readyPlanner()?.busy() ?? 0,
      plannerWaiting: () => readyPlanner()?.waiting() ?? 0,
    }),
    log,
    monotonic: () => performance.now(),
    now: () => Date.now(),
    newId: () => ulid(),
    draining: () => draining,
    stop: stop.signal,
  });
  const server = createAdaptorServer({ fetch: app.fetch });
  const listening = await listen(server, config);
  if (listening !== null) return fail(log, "listen-failed", listening);
  log("listening", { host: config.host, port: portOf(server) });

  let llama: Llama | null = null;
  const shutDown = async () => {
    if (draining) return;
    draining = true;
    log("draining");
    await drain(server, stop);
    await Promise.all([chat?.settled, planner?.settled]);
    await llama?.dispose();
    log("stopped");
    process.exit(0);
  };
  process.on("SIGTERM", () => void shutDown());
  process.on("SIGINT", () => void shutDown());

  const load = async () => {
    head = await loadHead();
    if (!head.ok) log("head-failed", { reason: head.error });
    llama = await openLlama(config, log);
    log("llama-ready", { gpu: llama.gpu, threads: config.threads });
    encoder = await loadEncoder(llama, {
      modelPath: join(models, "all-minilm-l6-v2-q8_0.gguf"),
      contexts: config.encoderContexts,
      threads: config.threadsEach,
      now: () => performance.now(),
    });
    if (head.ok) log("ready", { weights: head.value.version });
    const common = { llama, log, signal: stop.signal };
    planner = startPlannerModel(config, {
      ...common,
      onProgress: showProgress(process.stderr, log, "planner-model"),
      now: () => performance.now(),
      random: Math.random,
    });
    chat = startChatModel(config, {
      ...common,
      newCallId: () => `call_${ulid().toLowerCase()}`,
      onProgress: showProgress(process.stderr, log, "chat-model"),
    });
  };
  try {
    await load();
  } catch (error) {
    const reason = error instanceof Error ? error.message : "unknown";
    fail(log, "load-failed", `${reason} (SHOAL_GPU is ${config.gpu})`);
    // The server is listening and would keep the process.
    process.exit();
  }
};

type Server = ReturnType<typeof createAdaptorServer>;

/** Null when the server listens, else why it does not. */
const listen = (server: Server, { host, port }: Config) =>
  new Promise<string | null>((resolve) => {
    server.once("error", (error: NodeJS.ErrnoException) =>
      resolve(error.code === "EADDRINUSE" ? `${host}:${port} is taken: set SHOAL_INFERENCE_PORT` : error.message),
    );
    server.listen(port, host, () => resolve(null));
  });

const portOf = (server: Server) => {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
};

/** Stops accepting, waits for running answers, then tells the rest to end. */
const drain = async (server: Server, stop: AbortController) => {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const idle = setInterval(() => "closeIdleConnections" in server && server.closeIdleConnections(), 50);
  await Promise.race([closed, after(drainMs)]);
  stop.abort();
  await Promise.race([closed, after(1000)]);
  clearInterval(idle);
};

const after = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

const loadHead = async (): Promise<Result<Head, string>> => {
  try {
    return parseHead(JSON.parse(await readFile(join(models, "head.json"), "utf8")));
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    return err(missing ? "inference/models/head.json is missing" : "inference/models/head.json cannot be read");
  }
};

// Requests leave next to nothing behind: a nursery that never grows saves 75 MB and costs no measurable time.
setFlagsFromString("--semi-space-growth-factor=1");
await main(
  createLog(
    (line) => process.stderr.write(line),
    () => Date.now(),
  ),
);
