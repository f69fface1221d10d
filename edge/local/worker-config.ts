import { readFile } from "node:fs/promises";
import { parse, TomlError } from "smol-toml";
import * as z from "zod";
import { err, ok, type Result } from "../../shared/result.ts";

/** A Durable Object class and the binding that reaches it. */
export type ObjectBinding = { readonly binding: string; readonly className: string; readonly sql: boolean };

/** What wrangler.toml says of the Worker, as far as it concerns how it runs. */
export type WorkerConfig = {
  /** The entry, relative to wrangler.toml. */
  readonly main: string;
  readonly keepNames: boolean;
  readonly compatibilityDate: string;
  readonly compatibilityFlags: readonly string[];
  readonly vars: Readonly<Record<string, unknown>>;
  /** Secrets without which it is not deployed. */
  readonly requiredSecrets: readonly string[];
  readonly objects: readonly ObjectBinding[];
};

const bindingSchema = z.strictObject({ name: z.string(), class_name: z.string() });
const migrationSchema = z.strictObject({
  tag: z.string(),
  new_sqlite_classes: z.array(z.string()).default([]),
  new_classes: z.array(z.string()).default([]),
});

/** What an environment has of its own, or not at all. https://developers.cloudflare.com/workers/wrangler/configuration/ */
const ownShape = {
  vars: z.record(z.string(), z.unknown()).default({}),
  durable_objects: z.strictObject({ bindings: z.array(bindingSchema) }).default({ bindings: [] }),
  secrets: z.strictObject({ required: z.array(z.string()).default([]) }).default({ required: [] }),
};

/** What an environment takes from above unless it says otherwise. */
const inheritedShape = {
  main: z.string().optional(),
  keep_names: z.boolean().optional(),
  compatibility_date: z.string().optional(),
  compatibility_flags: z.array(z.string()).optional(),
  migrations: z.array(migrationSchema).optional(),
};

/** How and where it is deployed: nothing the Worker sees. */
const deploymentShape = {
  name: z.unknown(),
  limits: z.unknown(),
  observability: z.unknown(),
  placement: z.unknown(),
  preview_urls: z.unknown(),
  routes: z.unknown(),
  workers_dev: z.unknown(),
};

/** Strict, so that a binding production would have and the local start would not fails here instead of at run time. */
const environmentSchema = z.strictObject({
  ...ownShape,
  ...inheritedShape,
  ...z.object(deploymentShape).partial().shape,
});
const wranglerSchema = environmentSchema.extend({
  main: z.string(),
  compatibility_date: z.string(),
  env: z.record(z.string(), environmentSchema).default({}),
});
type Wrangler = z.infer<typeof wranglerSchema>;

/**
 * Reads a wrangler.toml as `wrangler --env` does, with null for none; the error says which of its settings the local
 * start does not know, or which environments there are.
 */
export const readWorkerConfig = async (
  file: string,
  environment: string | null = null,
): Promise<Result<WorkerConfig, string>> => {
  const document = parseToml(await readFile(file, "utf8"));
  if (!document.ok) return err(`${file}: ${document.error}`);
  const parsed = wranglerSchema.safeParse(document.value);
  if (!parsed.success) return err(`${file}:\n${z.prettifyError(parsed.error)}`);
  const top = parsed.data;
  if (environment === null) return ok(configOf(top, top));
  const section = top.env[environment];
  if (section) return ok(configOf(section, top));
  return err(`${file} has no environment '${environment}', it has: ${Object.keys(top.env).join(", ")}`);
};

const configOf = (section: z.infer<typeof environmentSchema>, top: Wrangler): WorkerConfig => {
  const migrations = section.migrations ?? top.migrations ?? [];
  const sqlClasses = new Set(migrations.flatMap((migration) => migration.new_sqlite_classes));
  return {
    main: section.main ?? top.main,
    keepNames: section.keep_names ?? top.keep_names ?? true,
    compatibilityDate: section.compatibility_date ?? top.compatibility_date,
    compatibilityFlags: section.compatibility_flags ?? top.compatibility_flags ?? [],
    vars: section.vars,
    requiredSecrets: section.secrets.required,
    objects: section.durable_objects.bindings.map(({ name, class_name }) => ({
      binding: name,
      className: class_name,
      sql: sqlClasses.has(class_name),
    })),
  };
};

const parseToml = (text: string): Result<unknown, string> => {
  try {
    return ok(parse(text));
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    return err(error.message);
  }
};
