/** The ground of all tables of one run: each part is made once, when the first table asks for it. */
import type { HeadJson } from "../../../shared/head.ts";
import type { Heads } from "../replay/contest.ts";
import { embedPrompts } from "../fit/embed-prompts.ts";
import { headOptions } from "../fit/head-options.ts";
import { predictHeldOut, type HeldOut } from "../fit/held-out.ts";
import { readKnownSets } from "../recordings/known-sets.ts";
import type { Ground } from "./table.ts";

export const groundOf = (heads: Heads): Ground => {
  const sets = kept(() => readKnownSets());
  const embeddings = kept(async () =>
    embedPrompts((await sets("")).flatMap(({ prompts }) => prompts.flatMap(({ texts }) => texts))),
  );
  const heldOutBy = (kind: HeadJson["kind"]) =>
    kept(async (name): Promise<readonly HeldOut[]> => {
      const set = (await sets("")).find((entry) => entry.name === name);
      if (!set) throw new Error(`no set is named ${name}`);
      console.error(`held-out predictions of the ${kind} head on ${name}`);
      return predictHeldOut(set.recorded, {
        ...headOptions(kind, set.pools.flat(), await embeddings("")),
        ballot: {},
      });
    });
  const heldOut = { encoder: heldOutBy("encoder"), edge: heldOutBy("edge") };
  return {
    heads,
    sets: () => sets(""),
    embeddings: () => embeddings(""),
    heldOut: (kind, set) => heldOut[kind](set),
  };
};

/** Makes a value for each name once. */
const kept = <Value>(make: (name: string) => Promise<Value>): ((name: string) => Promise<Value>) => {
  const made = new Map<string, Promise<Value>>();
  return (name) => {
    const value = made.get(name) ?? make(name);
    made.set(name, value);
    return value;
  };
};
