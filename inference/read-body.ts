import type * as z from "zod";
import type { ShoalError } from "../shared/errors.ts";
import { err, ok, type Result } from "../shared/result.ts";

/** Reads a request's JSON by a schema; the error names the first field that is wrong, as the client wrote it. */
export const readBody = async <T>(request: Request, schema: z.ZodType<T>): Promise<Result<T, ShoalError>> => {
  const text = await request.text();
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    // Not the parser's words: they quote the body.
    return err({
      kind: "invalid_json",
      message: error instanceof SyntaxError ? "it does not parse" : "it is unreadable",
    });
  }
  const parsed = schema.safeParse(json);
  return parsed.success ? ok(parsed.data) : err(toError(parsed.error));
};

const toError = (error: z.ZodError): ShoalError => {
  const issue = deepest(error.issues[0]);
  if (issue === undefined) return { kind: "invalid_request", message: "the body is not valid", param: null };
  if (issue.code === "unrecognized_keys") {
    return { kind: "unknown_parameter", param: toParam([...issue.path, issue.keys[0] ?? ""]) };
  }
  const param = toParam(issue.path);
  return {
    kind: "invalid_request",
    message: param === "" ? issue.message : `${param}: ${issue.message}`,
    param: param || null,
  };
};

type Issue = z.core.$ZodIssue;

/** Of a union's branches the one that matched furthest: its first complaint is what the client got wrong. */
const deepest = (issue: Issue | undefined): Issue | undefined => {
  if (issue?.code !== "invalid_union") return issue;
  const candidates = issue.errors
    .map((branch) => deepest(branch[0]))
    .filter((inner) => inner !== undefined)
    .toSorted((a, b) => b.path.length - a.path.length);
  const [best] = candidates;
  return best === undefined || best.path.length === 0 ? issue : { ...best, path: [...issue.path, ...best.path] };
};

/** `messages[1].content` */
const toParam = (path: readonly PropertyKey[]): string =>
  path.reduce<string>((name, key) => {
    if (typeof key === "number") return `${name}[${key}]`;
    return name === "" ? String(key) : `${name}.${String(key)}`;
  }, "");
