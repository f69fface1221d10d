import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { WritingRefusal } from "./planner.ts";

const seconds = [0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** What became of a workflow that was asked for. */
export type WorkflowCount = {
  readonly outcome: "written" | WritingRefusal;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** From the request to the workflow, or to giving it up. */
  readonly ms: number;
};

export type Gauges = {
  readonly encoderQueue: () => number;
  readonly chatBusy: () => number;
  readonly chatWaiting: () => number;
  readonly plannerBusy: () => number;
  readonly plannerWaiting: () => number;
};

/** What `GET /metrics` shows, and how it is counted. */
export const createMetrics = (gauges: Gauges) => {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });

  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  gauge("shoal_encoder_queue", "Texts being encoded or waiting", gauges.encoderQueue);
  gauge("shoal_chat_busy", "Sequences that are writing", gauges.chatBusy);
  gauge("shoal_chat_waiting", "Chats that wait for a sequence", gauges.chatWaiting);
  gauge("shoal_planner_busy", "Sequences that write a workflow", gauges.plannerBusy);
  gauge("shoal_planner_waiting", "Workflows that wait for a sequence", gauges.plannerWaiting);

  const durations = new Histogram({
    name: "shoal_request_seconds",
    help: "From the request to the end of its answer",
    labelNames: ["route", "status"],
    buckets: seconds,
    registers,
  });
  const tokens = new Counter({
    name: "shoal_chat_tokens_total",
    help: "Tokens of prompts read and of answers written",
    labelNames: ["direction"],
    registers,
  });

  const plans = new Histogram({
    name: "shoal_planner_seconds",
    help: "From the request to the workflow, or to giving it up",
    labelNames: ["outcome"],
    buckets: seconds,
    registers,
  });
  const planTokens = new Counter({
    name: "shoal_planner_tokens_total",
    help: "Tokens of the planner's prompts and of workflows written",
    labelNames: ["direction"],
    registers,
  });

  return {
    observeRequest: (route: string, status: number, durationSeconds: number) =>
      durations.observe({ route, status: String(status) }, durationSeconds),
    countTokens(input: number, output: number) {
      tokens.inc({ direction: "input" }, input);
      tokens.inc({ direction: "output" }, output);
    },
    countWorkflow({ outcome, inputTokens, outputTokens, ms }: WorkflowCount) {
      plans.observe({ outcome }, ms / 1000);
      planTokens.inc({ direction: "input" }, inputTokens);
      planTokens.inc({ direction: "output" }, outputTokens);
    },
    contentType: registry.contentType,
    text: () => registry.metrics(),
  };
};

export type Metrics = ReturnType<typeof createMetrics>;
