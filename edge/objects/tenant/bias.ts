import { fadeBias, type TenantBias } from "../../../shared/feedback.ts";
import { dayOf } from "./daily.ts";

/** `revision`: of the feedback that it was found from, which counts up. */
export type RevisedBias = { readonly revision: number; readonly bias: TenantBias };

/** What the tenant's feedback corrects, for its keys' records. One that was found from older feedback is passed over. */
export const writeBias = (sql: SqlStorage, { revision, bias }: RevisedBias): void => {
  sql.exec(
    `INSERT INTO bias (id, revision, bias) VALUES (1, ?, ?)
     ON CONFLICT (id) DO UPDATE SET revision = excluded.revision, bias = excluded.bias
     WHERE excluded.revision > revision`,
    revision,
    JSON.stringify(bias),
  );
};

/** As it counts by now; null before any feedback. */
export const readBias = (sql: SqlStorage, now: number): TenantBias | null => {
  const [row] = sql.exec<{ bias: string }>("SELECT bias FROM bias").toArray();
  if (!row) return null;
  const bias: TenantBias = JSON.parse(row.bias);
  return fadeBias(bias, dayOf(now));
};
