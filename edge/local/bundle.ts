import { build, formatMessages, type BuildFailure, type BuildOptions } from "esbuild";
import { err, ok, type Result } from "../../shared/result.ts";

/** What `wrangler deploy` gives esbuild (wrangler 4.156, `bundleWorker`), with text modules inlined and no source map. */
const options = {
  bundle: true,
  format: "esm",
  target: "es2024",
  supported: { "import-source": true, using: true },
  platform: "browser",
  conditions: ["workerd", "worker", "browser"],
  external: ["cloudflare:*", "node:*"],
  define: { "navigator.userAgent": '"Cloudflare-Workers"', "process.env.NODE_ENV": '"production"' },
  loader: { ".js": "jsx", ".mjs": "jsx", ".cjs": "jsx", ".txt": "text", ".html": "text", ".sql": "text" },
  logLevel: "silent",
} satisfies BuildOptions;

type Bundle = {
  readonly entry: string;
  readonly outfile: string;
  /** Whether functions get their source's name again where the bundle renames them, each time one is made. */
  readonly keepNames: boolean;
};

/** Bundles the Worker into one module file; the error holds the compiler's messages. */
export const bundleWorker = async ({ entry, ...rest }: Bundle): Promise<Result<null, string>> => {
  try {
    await build({ ...options, ...rest, entryPoints: [entry] });
    return ok(null);
  } catch (error) {
    if (!isBuildFailure(error)) throw error;
    return err((await formatMessages(error.errors, { kind: "error", color: false })).join(""));
  }
};

const isBuildFailure = (error: unknown): error is BuildFailure => error instanceof Error && "errors" in error;
