import type { Plan } from "../../shared/plan.ts";
import { answererOf } from "../../shared/plan.ts";
import type { AnswerHead, ClientRequest, Format } from "../formats/format.ts";
import type { Context } from "../runtime/context.ts";

/** What the answer to a request will say of itself. */
export const headOf = (
  client: ClientRequest,
  { format, plan }: { readonly format: Pick<Format, "answerId">; readonly plan: Plan },
  { requestId, arrivedAt, clock }: Pick<Context, "requestId" | "arrivedAt" | "clock">,
): AnswerHead => ({
  id: format.answerId(requestId, answererOf(plan)),
  created: Math.floor(arrivedAt / 1000),
  model: client.chat.model,
  includeUsage: client.includeUsage,
  ...(client.echo && { echo: client.echo }),
  now: () => Math.floor(clock.now() / 1000),
});
