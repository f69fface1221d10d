import type { AuditDetail } from "../../objects/region/audit.ts";
import type { ObjectBindings } from "../../objects/objects.ts";
import type { Context } from "../../runtime/context.ts";

/** Hono's view of the operator's routes: a handler leaves there what the audit log is to tell of its change. */
export type AdminEnv = {
  Bindings: ObjectBindings;
  Variables: { context: Context; detail: AuditDetail; subject: string };
};
