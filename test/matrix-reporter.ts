import { writeFile } from "node:fs/promises";
import path from "node:path";
import type { Reporter, TestModule } from "vitest/node";
import { type MatrixCell, writeMatrixPage } from "./support/matrix-table.ts";

const folder = path.join(import.meta.dirname, "results");

/** Writes each cell that a test has proven, or failed to, into `matrix.json`, and the table into `matrix.md`. */
export default class MatrixReporter implements Reporter {
  async onTestRunEnd(modules: readonly TestModule[]) {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const cells = tests.flatMap((test): readonly MatrixCell[] => {
      const { cell } = test.meta();
      return cell ? [{ ...cell, shows: test.result().state === "passed" ? cell.shows : "fails" }] : [];
    });
    const lines = cells.map((cell) => `  ${JSON.stringify(cell)}`);
    await writeFile(path.join(folder, "matrix.json"), `[\n${lines.join(",\n")}\n]\n`);
    await writeFile(path.join(folder, "matrix.md"), writeMatrixPage(cells));
  }
}
