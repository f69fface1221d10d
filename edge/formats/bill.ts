import type { AnswerEvent } from "../../shared/events.ts";
import { addUsage, noUsage } from "../../shared/usage.ts";
import type { Bill } from "./format.ts";
import { createReport, type PlanReport } from "./report.ts";

type Call = Extract<AnswerEvent, { type: "usage" }>;

/**
 * Adds up what the calls of an answer used: the one that wrote it, and apart from it all others. With the plan, tells of
 * each step as well.
 */
export const createBill = (plan?: PlanReport) => {
  const report = plan && createReport(plan);
  const calls: Call[] = [];
  let answer: { readonly step: string; readonly worker: string } | null = null;
  const wroteAnswer = (call: Call) => call.step === answer?.step && call.worker === answer.worker;
  const sum = (some: readonly Call[]) => some.reduce((total, call) => addUsage(total, call.usage), noUsage);
  return {
    read(event: AnswerEvent): void {
      report?.read(event);
      if (event.type === "usage") calls.push(event);
      if (event.type === "end") answer = event;
    },
    total: (): Bill => ({
      usage: { answer: sum(calls.filter(wroteAnswer)), orchestration: sum(calls.filter((call) => !wroteAnswer(call))) },
      cost: calls.some((call) => call.cost === null)
        ? null
        : calls.reduce((total, call) => total + (call.cost ?? 0), 0),
      ...(report && { report: report.written() }),
    }),
  };
};
