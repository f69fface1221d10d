/** The table of formats, workers and abilities: what of `matrix.json` a reader sees. */
import * as z from "zod";

const shows = ["works", "refused", "lost", "fails"] as const;

export const matrixSchema = z.array(
  z.strictObject({ worker: z.string(), format: z.string(), ability: z.string(), shows: z.enum(shows) }),
);
export type MatrixCell = z.infer<typeof matrixSchema>[number];

const marks: Readonly<Record<(typeof shows)[number], string>> = {
  works: "✓",
  refused: "refused",
  lost: "without",
  fails: "**fails**",
};

const unique = (words: readonly string[]): readonly string[] => [...new Set(words)];

const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;

/** Markdown, one row for each worker and format, in the order of the cells. */
export const writeMatrix = (cells: readonly MatrixCell[]): string => {
  const abilities = unique(cells.map(({ ability }) => ability));
  const rows = unique(cells.map(({ worker }) => worker)).flatMap((worker) => {
    const own = cells.filter((cell) => cell.worker === worker);
    return unique(own.map(({ format }) => format)).map((format, index) => {
      const markOf = (ability: string) => {
        const cell = own.find((each) => each.format === format && each.ability === ability);
        return cell ? marks[cell.shows] : "–";
      };
      return row([index === 0 ? worker : "", `\`${format}\``, ...abilities.map(markOf)]);
    });
  });
  const head = ["worker", "format", ...abilities];
  return [row(head), row(head.map(() => "---")), ...rows].join("\n");
};

/** The page that holds the table. */
export const writeMatrixPage = (cells: readonly MatrixCell[]): string =>
  [
    "# What each format can do with each worker",
    "`npm run matrix` runs `test/e2e/matrix.test.ts` against the whole system, with vendors played on loopback that check what they are sent, and writes this page: each cell is one test.",
    writeMatrix(cells),
    "✓ the test passes. *refused*: the worker lacks it, and a request that needs it gets a 400 that names the field. *without*: the answer comes, but the format or its vendor's protocol does not carry this. –: the worker's protocol has no such thing.",
  ].join("\n\n") + "\n";
