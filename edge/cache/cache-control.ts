/** What a request's `cache-control` asks of a cache. https://www.rfc-editor.org/rfc/rfc9111#section-5.2.1 */
export type CacheControl = {
  readonly noCache: boolean;
  readonly noStore: boolean;
  readonly onlyIfCached: boolean;
  /** Seconds; null when the request does not say. */
  readonly maxAge: number | null;
  readonly minFresh: number | null;
};

const nothingAsked: CacheControl = {
  noCache: false,
  noStore: false,
  onlyIfCached: false,
  maxAge: null,
  minFresh: null,
};

/** Reads the header; what it does not know is left alone, as the standard has it. Nothing stale is ever served. */
export const readCacheControl = (header: string | null): CacheControl => {
  if (header === null) return nothingAsked;
  const directives = new Map(header.split(",").map(readDirective));
  return {
    noCache: directives.has("no-cache"),
    noStore: directives.has("no-store"),
    onlyIfCached: directives.has("only-if-cached"),
    maxAge: readSeconds(directives.get("max-age")),
    minFresh: readSeconds(directives.get("min-fresh")),
  };
};

const readDirective = (directive: string): readonly [name: string, value: string] => {
  const [name = "", value = ""] = directive.split("=");
  return [name.trim().toLowerCase(), value.trim().replace(/^"(.*)"$/, "$1")];
};

/** What is no number of seconds asks for an answer as fresh as can be. */
const readSeconds = (value: string | undefined): number | null => {
  if (value === undefined) return null;
  return /^\d+$/.test(value) ? Number(value) : 0;
};
