import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { createObjects, type ObjectBindings } from "../../../edge/objects/objects.ts";
import { settingsOf } from "../../support/edge.ts";

/** The bindings, and a note of every object asked of them: its jurisdiction, if any, and its hint of a location. */
const watch = () => {
  const asked: (readonly [string | null, string | undefined])[] = [];
  const inside = <Namespace extends DurableObjectNamespace>(namespace: Namespace, within: string | null): Namespace =>
    new Proxy(namespace, {
      get(target, name) {
        if (name === "jurisdiction") return (place: string) => inside(target, place);
        if (name === "idFromName") return (text: string) => target.idFromName(text);
        if (name !== "get") throw new Error(`${String(name)} goes past the region`);
        return (id: DurableObjectId, options?: DurableObjectNamespaceGetDurableObjectOptions) => {
          asked.push([within, options?.locationHint]);
          return target.get(id, options);
        };
      },
    });
  const bindings: ObjectBindings = {
    TENANT: inside(env.TENANT, null),
    TENANT_LOG: inside(env.TENANT_LOG, null),
    CACHE: inside(env.CACHE, null),
    REGION: inside(env.REGION, null),
  };
  return { bindings, asked };
};

describe("every object", () => {
  it.each([
    ["eu", { SHOAL_JURISDICTION: "eu" }, ["eu", undefined]],
    ["ap", { SHOAL_LOCATION_HINT: "apac" }, [null, "apac"]],
    ["moon", {}, [null, undefined]],
  ])("of region %s is made where the region says", (region, variables, place) => {
    const { bindings, asked } = watch();
    const objects = createObjects(bindings, settingsOf({ SHOAL_REGION: region, ...variables }));
    for (const reach of Object.values(objects)) reach("cod", "00ff");
    expect(asked.length).toBeGreaterThanOrEqual(Object.keys(bindings).length);
    for (const one of asked) expect(one).toEqual(place);
  });
});
