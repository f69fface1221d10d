import { html } from "hono/html";
import * as z from "zod";
import { operations, type Body, type Operation } from "./operations.ts";

const style = `
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #1b1f24; }
  code, summary { font-family: ui-monospace, monospace; font-size: 0.9em; }
  details { border: 1px solid #d0d7de; border-radius: 6px; margin: 0.5rem 0; padding: 0.5rem 1rem; }
  summary { cursor: pointer; }
  table { border-collapse: collapse; width: 100%; }
  td { border-top: 1px solid #d0d7de; padding: 0.3rem 0.8rem 0.3rem 0; vertical-align: top; }
  pre { background: #f6f8fa; padding: 0.8rem; overflow-x: auto; }
  @media (prefers-color-scheme: dark) {
    body { background: #0d1117; color: #e6edf3; }
    pre { background: #161b22; }
  }
`;

const sections: readonly { readonly tag: Operation["tag"]; readonly title: string }[] = [
  { tag: "answers", title: "Answers" },
  { tag: "models", title: "Models" },
  { tag: "plans", title: "Plans and traces" },
  { tag: "operator", title: "Operator" },
  { tag: "service", title: "Service" },
];

/** What the page may load: nothing but its own style. */
export const pagePolicy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/** `GET /docs`: the reference for people, from the same list as the document. No script. */
export const writePage = () =>
  html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>Shoal: reference</title>
        <style>
          ${style}
        </style>
      </head>
      <body>
        <h1>Shoal</h1>
        <p>
          Every route, as <a href="/openapi.json">OpenAPI</a> has it. Keys go into <code>Authorization: Bearer</code>.
        </p>
        ${sections.map(writeSection)}
      </body>
    </html>`;

const writeSection = ({ tag, title }: (typeof sections)[number]) =>
  html`<h2>${title}</h2>
    ${operations.filter((operation) => operation.tag === tag).map(writeOperation)}`;

const credentials = { key: "a tenant's key", admin: "the operator's credential", none: "no credential" } as const;

const writeOperation = (operation: Operation) =>
  html`<details id="${operation.id}">
    <summary>${operation.method.toUpperCase()} ${operation.path}</summary>
    <p>${operation.summary}. ${operation.description ?? ""} Needs ${credentials[operation.credential]}.</p>
    ${operation.query ? writeFields("Query", operation.query) : ""} ${operation.body ? writeBody(operation.body) : ""}
  </details>`;

const writeBody = ({ schema, example }: Body) =>
  html`${writeFields("Body", schema)}
    <pre>${JSON.stringify(example, null, 2)}</pre>`;

const writeFields = (title: string, schema: z.ZodType) => {
  const { properties = {}, required = [] } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  return html`<h3>${title}</h3>
    <table>
      ${Object.entries(properties).map(
        ([name, field]) =>
          html`<tr>
            <td><code>${name}</code>${required.includes(name) ? " (required)" : ""}</td>
            <td>${typeof field === "boolean" ? "" : describe(field)}</td>
          </tr>`,
      )}
    </table>`;
};

type Schema = z.core.JSONSchema.BaseSchema;

/** A schema in a few words: its values where they are few, else its types. */
const describe = (schema: Schema): string => {
  const branches = schema.anyOf ?? schema.oneOf;
  if (branches) return [...new Set(branches.filter((branch) => branch.type !== "null").map(describe))].join(" or ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(", ");
  if (schema.type === "null") return "null: not supported";
  if (schema.type === "array") return "list";
  const bounds = [
    ...(schema.minimum !== undefined && schema.minimum > -1e6 ? [`from ${schema.minimum}`] : []),
    ...(schema.maximum !== undefined && schema.maximum < 1e12 ? [`to ${schema.maximum}`] : []),
  ];
  const types = [schema.type ?? "anything"].flat().filter((type) => type !== "null");
  return [types.join(" or "), ...bounds].join(" ");
};
