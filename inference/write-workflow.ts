import { err, ok, type Result } from "../shared/result.ts";
import type { WriteRequest, WrittenText } from "../shared/planner/job.ts";
import type { Metrics } from "./metrics.ts";
import type { Planner, WritingRefusal } from "./planner.ts";
import { unavailable, type ServiceError } from "./wire.ts";

/** What an answer takes on its way back: a workflow is given up so many milliseconds before its deadline. */
const returnMs = 50;

type WriteDeps = {
  readonly signal: AbortSignal;
  /** Milliseconds; only differences count. */
  readonly monotonic: () => number;
  readonly metrics: Pick<Metrics, "countWorkflow">;
};

/**
 * The workflow that the planner writes for a job, counted. Refuses at once what it is not likely to finish in time, and
 * stops when the deadline has come or the signal fires.
 */
export const writeWorkflow = async (
  { deadlineMs, ...job }: WriteRequest,
  planner: Planner,
  { signal, monotonic, metrics }: WriteDeps,
): Promise<Result<WrittenText, ServiceError>> => {
  const start = monotonic();
  const written = await planner.write(job, { deadlineMs: deadlineMs - returnMs, signal });
  const ms = monotonic() - start;
  if (!written.ok) {
    metrics.countWorkflow({ outcome: written.error, inputTokens: 0, outputTokens: 0, ms });
    return err(errorOf(written.error, { deadlineMs, planner }));
  }
  const { text, inputTokens, outputTokens } = written.value;
  metrics.countWorkflow({ outcome: "written", inputTokens, outputTokens, ms });
  return ok({ text, inputTokens, outputTokens });
};

type Refused = Pick<WriteRequest, "deadlineMs"> & { readonly planner: Planner };

const errorOf = (refusal: WritingRefusal, { deadlineMs, planner }: Refused): ServiceError => {
  switch (refusal) {
    case "late":
      return unavailable("overloaded", `no workflow within ${deadlineMs} ms`, planner.expectedMs() / 1000);
    case "too_long":
      return {
        kind: "invalid_request",
        message: `the request leaves no room for a workflow in the planner's ${planner.contextTokens} tokens`,
        param: null,
      };
    case "failed":
      return { kind: "internal" };
    default:
      return refusal satisfies never;
  }
};
