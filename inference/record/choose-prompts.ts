import { drawPrompts, readBundledPrompts, readPrompts, type Draw, type Prompt } from "./prompts.ts";
import type { Sandbox } from "./sandbox.ts";

/** Of each domain of the bundled prompts; more of one say little that is new. */
const bundledPerDomain = 16;

/**
 * The prompts of a file, or `bundled`. Those whose tests cannot be run here are left out: their answers would be paid for
 * and not graded. Throws with file, line and field of what does not fit.
 */
export const choosePrompts = async (
  { source, limit, seed }: { readonly source: string } & Pick<Draw, "limit" | "seed">,
  sandbox: Sandbox,
  print: (text: string) => void,
): Promise<readonly Prompt[]> => {
  const all = source === "bundled" ? await readBundledPrompts() : await readPrompts(source);
  const gradable = all.filter(({ verifier }) => verifier.kind !== "tests" || sandbox.languages.has(verifier.language));
  if (gradable.length < all.length) {
    const left = all.length - gradable.length;
    print(
      `${left} prompts with unit tests are left out: no sandbox for them here (Linux with user namespaces, unshare).`,
    );
  }
  return drawPrompts(gradable, { perDomain: source === "bundled" ? bundledPerDomain : null, limit, seed });
};
