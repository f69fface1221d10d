import type { ChatRequest, Tool } from "../../shared/chat.ts";
import type { ShoalError } from "../../shared/errors.ts";
import type { Echo } from "./format.ts";
import type { Body, WireFunction, WireTool } from "./responses-schema.ts";
import { toStrictSchema } from "./strict-schema.ts";

type Functions = readonly { readonly tool: WireFunction; readonly namespace: string | null; readonly param: string }[];

/** Every function, those of namespaces too. */
const functionsOf = (tools: readonly WireTool[]): Functions =>
  tools.flatMap((tool, index): Functions =>
    tool.type === "function"
      ? [{ tool, namespace: null, param: `tools[${index}]` }]
      : tool.tools.map((inner, position) => ({
          tool: { ...inner, description: [tool.description, inner.description].filter(Boolean).join("\n\n") },
          namespace: tool.name,
          param: `tools[${index}].tools[${position}]`,
        })),
  );

/** The name under which a model knows a function of a namespace. */
export const fullName = (namespace: string | null | undefined, name: string): string =>
  namespace ? `${namespace}__${name}` : name;

export const namespacesOf = ({ tools }: Pick<Body, "tools">): NonNullable<Echo["namespaces"]> =>
  Object.fromEntries(
    functionsOf(tools ?? []).flatMap(({ tool: { name }, namespace }) =>
      namespace === null ? [] : [[fullName(namespace, name), { name, namespace }]],
    ),
  );

const maxName = 64;

const invalid = (message: string, param: string): ShoalError => ({ kind: "invalid_request", message, param });

/** What is wrong between the tools and the choice among them. */
export const findToolError = ({
  tools,
  tool_choice: choice,
}: Pick<Body, "tools" | "tool_choice">): ShoalError | null => {
  const functions = functionsOf(tools ?? []);
  const long = functions.find(({ tool, namespace }) => fullName(namespace, tool.name).length > maxName);
  if (long) return invalid(`namespace and name together have more than ${maxName} characters`, `${long.param}.name`);
  const names = functions.map(({ tool, namespace }) => fullName(namespace, tool.name));
  if (typeof choice !== "object" || choice === null) {
    return choice === "required" && names.length === 0 ? invalid("tool_choice needs tools", "tool_choice") : null;
  }
  const named = choice.type === "function" ? [choice] : choice.tools;
  const stranger = named.find(({ name }) => !names.includes(name));
  return stranger ? invalid(`tool_choice names '${stranger.name}', which is not among the tools`, "tool_choice") : null;
};

/** Of tools that may not be called the model need not know. */
export const readTools = ({
  tools,
  tool_choice: choice,
}: Pick<Body, "tools" | "tool_choice">): Pick<ChatRequest, "tools" | "toolChoice"> => {
  const all = functionsOf(tools ?? []).map(readTool);
  if (typeof choice !== "object" || choice === null) return { tools: all, toolChoice: choice ?? "auto" };
  if (choice.type === "function") return { tools: all, toolChoice: { name: choice.name } };
  const allowed = new Set(choice.tools.map(({ name }) => name));
  return { tools: all.filter(({ name }) => allowed.has(name)), toolChoice: choice.mode };
};

const readTool = ({ tool, namespace }: Functions[number]): Tool => ({
  name: fullName(namespace, tool.name),
  ...(tool.description && { description: tool.description }),
  ...readParameters(tool),
});

/** Unless told otherwise, a schema that strict mode can take is made strict, as OpenAI does. */
const readParameters = ({ parameters, strict }: WireFunction): Required<Pick<Tool, "parameters" | "strict">> => {
  const given = parameters ?? { type: "object", properties: {} };
  if (typeof strict === "boolean" && parameters) return { parameters: given, strict };
  const made = strict === false ? null : toStrictSchema(given);
  return made ? { parameters: made, strict: true } : { parameters: given, strict: false };
};

/** The tools as the answer repeats them. */
export const echoTools = (tools: readonly WireTool[]): readonly object[] =>
  tools.map((tool) =>
    tool.type === "function" ? echoFunction(tool) : { ...tool, tools: tool.tools.map(echoFunction) },
  );

const echoFunction = (tool: WireFunction) => ({
  type: "function",
  name: tool.name,
  description: tool.description ?? null,
  ...readParameters(tool),
});
