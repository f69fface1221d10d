import type { Told } from "../../shared/events.ts";
import { writtenTextSchema, type WriteRequest } from "../../shared/planner/job.ts";
import { postConductor, type ConductorDeps, type ConductorError } from "./post-conductor.ts";
import type { AskPlanner, Asked } from "./write-workflow.ts";

/** Of the longest workflow, escaped. */
const mostBytes = 256 * 1024;

/** Has the inference service's own model write. The request's words go to it only so. */
export const createAskConductor = (
  waitMs: number,
  deps: ConductorDeps & { readonly signal: AbortSignal },
): AskPlanner =>
  // Its call is nobody's cost: there is nothing to account for.
  // oxlint-disable-next-line require-yield
  async function* (job, late): Told<Asked> {
    const request: WriteRequest = { ...job, deadlineMs: waitMs };
    const signal = AbortSignal.any([late, deps.signal]);
    const posted = await postConductor("/v1/workflow", request, { mostBytes, signal }, deps);
    if (!posted.ok) return { refusal: refusalOf(posted.error), inputTokens: 0, outputTokens: 0 };
    const written = writtenTextSchema.safeParse(posted.value);
    return written.success ? written.data : { refusal: "invalid", inputTokens: 0, outputTokens: 0 };
  };

const refusalOf = (error: ConductorError) => {
  if (error.kind !== "refused") return error.kind === "not_configured" ? "not_available" : "failed";
  if (error.status !== 503) return "failed";
  return error.code === "overloaded" ? "late" : "not_available";
};
