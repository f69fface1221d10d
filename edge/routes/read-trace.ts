import type { ShoalError } from "../../shared/errors.ts";
import { toDollars } from "../../shared/pricing.ts";
import { err, ok, type Result } from "../../shared/result.ts";
import type { Context } from "../runtime/context.ts";
import { lookAgain } from "./look-again.ts";

/** `GET /v1/traces/{id}`: the trace, and the ledger's row of the same request; `not_found` for another tenant's. */
export const readTrace = async (
  tenant: string,
  id: string,
  { objects, outbox, clock, waitUntil }: Pick<Context, "objects" | "outbox" | "clock" | "waitUntil">,
): Promise<Result<object, ShoalError>> => {
  const pending = outbox.findTrace(tenant, id);
  if (pending) {
    // What this isolate has not sent yet goes first, so that the row is there with the trace.
    const sent = outbox.send(tenant, 0);
    waitUntil(sent);
    await sent;
  }
  const stored = () => objects.tenantLog(tenant).read(id);
  const trace = pending ? ((await stored()) ?? pending) : await lookAgain(stored, (found) => found !== null, { clock });
  if (!trace) return err({ kind: "not_found", message: "there is no such trace, or it has expired" });
  const row = await objects.tenant(tenant).ledgerRow(id);
  return ok({
    ...trace,
    ledger: row && {
      status: row.status,
      worker: row.worker,
      input_tokens: row.inputTokens,
      cached_input_tokens: row.cachedInputTokens,
      output_tokens: row.outputTokens,
      reasoning_tokens: row.reasoningTokens,
      cost_usd: toDollars(row.cost),
      usage_source: row.usageSource,
    },
  });
};
