import type { Context } from "./context.ts";
import type { ObjectBindings } from "../objects/objects.ts";

/** Hono's view of the Worker: its bindings, and what the first middleware puts beside each request. */
export type AppEnv = { Bindings: ObjectBindings; Variables: { context: Context } };
