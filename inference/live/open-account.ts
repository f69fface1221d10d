import * as z from "zod";
import { err, ok, type Result } from "../../shared/result.ts";

export type Account = {
  /** The tenant's id: lower-case letters and digits. */
  readonly tenant: string;
  /** Dollars that the edge lets its key spend. */
  readonly budget: number;
  /** Who may work; null: all. */
  readonly pool: readonly string[] | null;
};

const keySchema = z.object({ key: z.string() });
const refusalSchema = z.object({ error: z.object({ message: z.string() }) });

/**
 * Makes a tenant of a Shoal that was started for the run, and gives its key. The edge sets aside the most that each plan
 * can cost before it runs, whatever plan it turns out to be, so that the budget holds there too.
 */
export const openAccount = async (
  host: { readonly url: string; readonly adminKey: string },
  { tenant, budget, pool }: Account,
  fetch: typeof globalThis.fetch,
): Promise<Result<string, string>> => {
  const post = async (path: string, body: object): Promise<Result<unknown, string>> => {
    const response = await fetch(`${host.url}/admin/${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${host.adminKey}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    });
    const answer: unknown = await response.json().catch(() => null);
    if (response.ok) return ok(answer);
    return err(refusalSchema.safeParse(answer).data?.error.message ?? `${path}: ${response.status}`);
  };
  const limits = { usd_per_month: budget };
  const made = await post("tenants", {
    id: tenant,
    name: "Live evaluation",
    limits,
    ...(pool && { allowed_workers: pool }),
  });
  if (!made.ok) return made;
  const key = await post(`tenants/${tenant}/keys`, { name: "eval:live" });
  return key.ok ? ok(keySchema.parse(key.value).key) : key;
};
