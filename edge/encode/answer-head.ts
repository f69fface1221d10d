import { answererOf, workersOf } from "../../shared/plan.ts";
import type { AnswerHead, ClientRequest, Format } from "../formats/format.ts";
import type { PlanReport } from "../formats/report.ts";
import type { Planned } from "../plan/planned.ts";
import type { Context } from "../runtime/context.ts";

/** What the answer to a request will say of itself. `metadata.shoal_plan: "true"` asks for how it came about. */
export const headOf = (
  client: ClientRequest,
  { format, planned }: { readonly format: Pick<Format, "answerId">; readonly planned: Planned },
  { requestId, arrivedAt, clock }: Pick<Context, "requestId" | "arrivedAt" | "clock">,
): AnswerHead => ({
  // Who answers is not known before the workflow is written.
  id: format.answerId(requestId, planned.unwritten ? "" : answererOf(planned.decision.plan)),
  created: Math.floor(arrivedAt / 1000),
  model: client.chat.model,
  includeUsage: client.includeUsage,
  ...(client.echo && { echo: client.echo }),
  ...(client.chat.metadata["shoal_plan"] === "true" && { plan: reportPlan(planned) }),
  now: () => Math.floor(clock.now() / 1000),
});

const reportPlan = ({ decision, source, fallback }: Planned): PlanReport => ({
  source,
  fallback,
  reason: decision.reason,
  kind: decision.plan.kind,
  workers: workersOf(decision.plan),
});
