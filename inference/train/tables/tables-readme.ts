/** Tables in a Markdown text, between `<!-- tables:NAME -->` and `<!-- /tables -->`. */
const marked = /(<!-- tables:([a-z-]+) -->\n)[\s\S]*?(<!-- \/tables -->)/g;

/** The text with each table as `render` has it now. */
export const fillTables = (text: string, render: (name: string) => string): string =>
  text.replaceAll(marked, (_, open: string, name: string, close: string) => `${open}\n${render(name)}\n\n${close}`);

/** Names in the order in which they stand. */
export const tablesIn = (text: string): readonly string[] => [...text.matchAll(marked)].map(([, , name]) => name ?? "");
