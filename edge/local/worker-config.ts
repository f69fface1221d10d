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
  readonly objects: readonly ObjectBinding[];
};

const bindingSchema = z.strictObject({ name: z.string(), class_name: z.string() });
const migrationSchema = z.strictObject({
  tag: z.string(),
  new_sqlite_classes: z.array(z.string()).default([]),
  new_classes: z.array(z.string()).default([]),
});

/** Strict, so that a binding production would have and the local start would not fails here instead of at run time. */
const wranglerSchema = z.strictObject({
  main: z.string(),
  keep_names: z.boolean().default(true),
  compatibility_date: z.string(),
  compatibility_flags: z.array(z.string()).default([]),
  vars: z.record(z.string(), z.unknown()).default({}),
  durable_objects: z.strictObject({ bindings: z.array(bindingSchema) }).default({ bindings: [] }),
  migrations: z.array(migrationSchema).default([]),
  // How and where it is deployed: nothing the Worker sees.
  name: z.unknown().optional(),
  env: z.unknown().optional(),
  limits: z.unknown().optional(),
  observability: z.unknown().optional(),
  placement: z.unknown().optional(),
  preview_urls: z.unknown().optional(),
  routes: z.unknown().optional(),
  workers_dev: z.unknown().optional(),
});

/** Reads a wrangler.toml; the error says which of its settings the local start does not know. */
export const readWorkerConfig = async (file: string): Promise<Result<WorkerConfig, string>> => {
  const document = parseToml(await readFile(file, "utf8"));
  if (!document.ok) return err(`${file}: ${document.error}`);
  const parsed = wranglerSchema.safeParse(document.value);
  if (!parsed.success) return err(`${file}:\n${z.prettifyError(parsed.error)}`);
  const { main, keep_names, compatibility_date, compatibility_flags, vars, durable_objects, migrations } = parsed.data;
  const sqlClasses = new Set(migrations.flatMap((migration) => migration.new_sqlite_classes));
  return ok({
    main,
    keepNames: keep_names,
    compatibilityDate: compatibility_date,
    compatibilityFlags: compatibility_flags,
    vars,
    objects: durable_objects.bindings.map(({ name, class_name }) => ({
      binding: name,
      className: class_name,
      sql: sqlClasses.has(class_name),
    })),
  });
};

const parseToml = (text: string): Result<unknown, string> => {
  try {
    return ok(parse(text));
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    return err(error.message);
  }
};
