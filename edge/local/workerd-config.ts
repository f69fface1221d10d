import type { ObjectBinding, WorkerConfig } from "./worker-config.ts";

/** The name under which the launcher gives workerd its address. */
export const socketName = "http";

type Files = { readonly bundle: string; readonly storage: string };

/**
 * A workerd configuration that runs the bundled Worker as production does: the same compatibility date, variables
 * and Durable Objects. `environment` names the bindings whose values workerd takes from its own environment, so that
 * no secret is written to disk or seen among a process's arguments; they win over `vars`. Of several `isolates` the first
 * has the objects, which all use, and requests go to each in turn.
 * https://github.com/cloudflare/workerd/blob/main/src/workerd/server/workerd.capnp
 */
export const writeWorkerdConfig = (
  config: WorkerConfig,
  files: Files,
  environment: readonly string[],
  isolates = 1,
): string => {
  const variables = [
    ...Object.entries(config.vars)
      .filter(([name]) => !environment.includes(name))
      .map(writeVariable),
    ...environment.map((name) => `(name = ${quote(name)}, fromEnvironment = ${quote(name)})`),
  ];
  const written = { config, bundle: files.bundle, variables };
  const others = Array.from({ length: isolates - 1 }, (_, at) => `shoal${at + 2}`);
  const workers = [
    { name: "shoal", fields: [...writeIsolate(written), ...writeHolder(config)] },
    ...others.map((name) => ({ name, fields: writeIsolate(written, "shoal") })),
    ...(isolates > 1 ? [{ name: "turns", fields: writeTurns(["shoal", ...others], config) }] : []),
  ];
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
${workers.map(({ name }) => `    (name = ${quote(name)}, worker = .${name}),\n`).join("")}    (name = "storage", disk = (path = ${quote(files.storage)}, writable = true)),
    # Providers on the internet, and on this machine: the inference service, a proxy, a local model server.
    (name = "internet", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),
  ],
  sockets = [(name = ${quote(socketName)}, http = (), service = ${quote(workers.at(isolates > 1 ? -1 : 0)?.name ?? "")})],
);
${workers.map(({ name, fields }) => `\nconst ${name} :Workerd.Worker = (\n${fields.map((field) => `  ${field},\n`).join("")});\n`).join("")}`;
};

type Written = { readonly config: WorkerConfig; readonly bundle: string; readonly variables: readonly string[] };

/** `holder`: the service whose objects it uses, where they are not its own. */
const writeIsolate = ({ config, bundle, variables }: Written, holder?: string): readonly string[] => {
  const objects = config.objects.map(({ binding, className }) => {
    const own = quote(className);
    const namespace = holder === undefined ? own : `(className = ${own}, serviceName = ${quote(holder)})`;
    return `(name = ${quote(binding)}, durableObjectNamespace = ${namespace})`;
  });
  return [
    `modules = [(name = "index.js", esModule = embed ${quote(bundle)})]`,
    `compatibilityDate = ${quote(config.compatibilityDate)}`,
    `compatibilityFlags = ${list(config.compatibilityFlags.map(quote))}`,
    `bindings = ${list([...variables, ...objects])}`,
  ];
};

const writeHolder = ({ objects }: WorkerConfig): readonly string[] => [
  `durableObjectNamespaces = ${list(objects.map(writeNamespace))}`,
  `durableObjectStorage = (localDisk = "storage")`,
];

/** A Worker that gives one request after another to the next service. */
const writeTurns = (services: readonly string[], { compatibilityDate }: WorkerConfig): readonly string[] => [
  `modules = [(name = "turns.js", esModule = ${quote(turns(services.length))})]`,
  `compatibilityDate = ${quote(compatibilityDate)}`,
  `bindings = ${list(services.map((service, at) => `(name = "ISOLATE_${at}", service = ${quote(service)})`))}`,
];

const turns = (count: number): string =>
  `let turn = 0; export default { fetch: (request, env) => env["ISOLATE_" + (turn = (turn + 1) % ${count})].fetch(request) };`;

/** wrangler's rule: a string is a string, anything else arrives as the value it is. */
const writeVariable = ([name, value]: [string, unknown]): string =>
  typeof value === "string"
    ? `(name = ${quote(name)}, text = ${quote(value)})`
    : `(name = ${quote(name)}, json = ${quote(JSON.stringify(value))})`;

const writeNamespace = ({ className, sql }: ObjectBinding): string =>
  `(className = ${quote(className)}, uniqueKey = ${quote(`shoal-${className}`)}, enableSql = ${sql})`;

const list = (items: readonly string[]): string =>
  items.length === 0 ? "[]" : `[\n${items.map((item) => `    ${item},\n`).join("")}  ]`;

/** A Cap'n Proto text literal: C's escapes, and none of JSON's `\u`. */
const quote = (text: string): string => `"${Array.from(text, escapeChar).join("")}"`;

const escapeChar = (char: string): string =>
  char < " " || char === '"' || char === "\\" ? `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}` : char;
