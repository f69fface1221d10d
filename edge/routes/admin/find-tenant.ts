import type { ShoalError } from "../../../shared/errors.ts";
import { err, ok, type Result } from "../../../shared/result.ts";
import { devTenant } from "../../authenticate/authenticate.ts";
import type { TenantEntry } from "../../objects/region/directory.ts";
import type { Context } from "../../runtime/context.ts";

/** The tenant of the local start, which nobody has made. */
const localStart: TenantEntry = { id: devTenant, name: "local start", status: "active", createdAt: 0, deletedAt: null };

/** The directory's entry, of a deleted tenant too; fails with `not_found`. */
export const findEntry = async (
  id: string,
  { objects, settings }: Pick<Context, "objects" | "settings">,
): Promise<Result<TenantEntry, ShoalError>> => {
  if (id === devTenant && settings.devKey !== "") return ok(localStart);
  const entry = await objects.region().findTenant(id);
  return entry ? ok(entry) : err({ kind: "not_found", message: `there is no tenant '${id.slice(0, 64)}'` });
};

/** A tenant that there is still; fails with `not_found`. */
export const findTenant = async (
  id: string,
  context: Pick<Context, "objects" | "settings">,
): Promise<Result<TenantEntry, ShoalError>> => {
  const entry = await findEntry(id, context);
  if (!entry.ok || entry.value.status !== "deleted") return entry;
  return err({ kind: "not_found", message: `the tenant '${id}' was deleted` });
};
