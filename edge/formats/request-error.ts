import type * as z from "zod";
import type { ShoalError } from "../../shared/errors.ts";

type Issue = z.core.$ZodIssue;
type Path = readonly PropertyKey[];

/** The first thing wrong with a body, naming the field as the client wrote it: `messages[1].content`. */
export const toRequestError = (failure: z.ZodError, body: unknown): ShoalError => {
  const [issue] = failure.issues;
  if (!issue) return { kind: "internal" };
  const { path, deepest } = descend(issue, []);
  if (deepest.code === "unrecognized_keys") {
    return { kind: "unknown_parameter", param: toParam([...path, deepest.keys[0] ?? ""]) };
  }
  const param = toParam(path);
  const isType = deepest.code === "invalid_type" || deepest.code === "invalid_union";
  const missing = isType && valueAt(body, path) === undefined;
  return {
    kind: "invalid_request",
    param: param === "" ? null : param,
    message: missing ? `'${param}' is required` : `'${param || "body"}': ${deepest.message}`,
  };
};

/** Of a union's branches, the one that got furthest says what the client meant. */
const descend = (issue: Issue, before: Path): { path: Path; deepest: Issue } => {
  const path = [...before, ...issue.path];
  if (issue.code !== "invalid_union" || issue.errors.length === 0) return { path, deepest: issue };
  const branches = issue.errors.flatMap((errors) => errors.slice(0, 1)).map((error) => descend(error, path));
  const furthest = branches.toSorted((a, b) => b.path.length - a.path.length)[0];
  return furthest && furthest.path.length > path.length ? furthest : { path, deepest: issue };
};

const toParam = (path: Path): string =>
  path.reduce<string>(
    (text, key) => (typeof key === "number" ? `${text}[${key}]` : text === "" ? String(key) : `${text}.${String(key)}`),
    "",
  );

const valueAt = (body: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (value, key) => (typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined),
    body,
  );
