import { readPolicy } from "./keys.ts";
import type { Limits, Policy } from "./policy.ts";

/** Whose limits are counted: the tenant's own, and each key's. */
export type Holder = { readonly id: string; readonly whose: "tenant" | "key"; readonly limits: Limits };

/** No key has this id. */
const tenantId = "";

/** Both who are charged for what a key does; of a key that is gone the tenant alone is limited. */
export const holdersOf = (sql: SqlStorage, keyId: string): readonly Holder[] => {
  const [row] = sql.exec<{ policy: string }>("SELECT policy FROM keys WHERE id = ?", keyId).toArray();
  const policy: Policy = row ? JSON.parse(row.policy) : {};
  return [tenantHolder(sql), { id: keyId, whose: "key", limits: policy.limits ?? {} }];
};

export const tenantHolder = (sql: SqlStorage): Holder => ({
  id: tenantId,
  whose: "tenant",
  limits: readPolicy(sql).limits ?? {},
});
