import type { ShoalError } from "../../../shared/errors.ts";
import type { WorkerCard } from "../../../shared/workers.ts";
import type { PolicyPatch } from "../../objects/tenant/policy-patch.ts";
import { nearest, resolveModel } from "../../pool/resolve-model.ts";
import type { Roster } from "../../pool/roster.ts";
import { dataRegions } from "../../providers/provider.ts";

/**
 * Whether every name in a policy, or in a change of one, is a name of something: a worker that is known (its provider
 * may be configured later) or the tenant's own, a model, a provider, a data region. The error names the field and the
 * nearest names.
 */
export const checkPolicy = (
  policy: PolicyPatch,
  { cards, connected, ...rest }: Roster,
  { own, now }: { readonly own: readonly WorkerCard[]; readonly now: number },
): ShoalError | null => {
  const known = [...cards, ...own];
  const workers = known.map(({ id }) => id);
  const vendors = [
    ...new Set([
      ...cards.flatMap(({ provider, resold }) => [provider, ...Object.keys(resold)]),
      ...connected.keys(),
      ...rest.unconfigured.map(({ provider }) => provider),
    ]),
  ];
  const model = (name: string): Unknown | null => {
    const resolved = resolveModel(name, { cards: known, weightsDate: rest.weightsDate }, now);
    if (resolved.ok) return null;
    const { error } = resolved;
    if (error.kind === "retired_model") return { what: "model any more", near: [error.successor] };
    return { what: "model", near: error.kind === "unknown_model" ? error.nearest : [] };
  };
  const checks: Readonly<Record<string, (name: string) => Unknown | null>> = {
    allowed_models: model,
    allowed_workers: oneOf("worker", workers),
    allowed_vendors: oneOf("vendor", vendors),
    allowed_data_regions: oneOf("data region", dataRegions),
    baseline: oneOf("worker", workers),
  };
  for (const [field, check] of Object.entries(checks)) {
    const error = checkField(field, policy[field], check);
    if (error) return error;
  }
  return null;
};

const oneOf = (what: string, names: readonly string[]) => (name: string) =>
  names.includes(name) ? null : { what, near: nearest(name, names) };

type Unknown = { readonly what: string; readonly near: readonly string[] };

const checkField = (field: string, value: unknown, check: (name: string) => Unknown | null): ShoalError | null => {
  const isList = Array.isArray(value);
  const names: readonly unknown[] = isList ? value : [value];
  for (const [index, name] of names.entries()) {
    const unknown = typeof name === "string" ? check(name) : null;
    if (unknown) return toError(isList ? `${field}[${index}]` : field, String(name), unknown);
  }
  return null;
};

const toError = (param: string, name: string, { what, near }: Unknown): ShoalError => {
  const hint = near.length > 0 ? `; the nearest: ${near.join(", ")}` : "";
  return { kind: "invalid_request", param, message: `'${param}': there is no ${what} '${name}'${hint}` };
};
