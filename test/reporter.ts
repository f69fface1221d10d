import type { Reporter, TestModule } from "vitest/node";

/** Prints `N passed, N failed` as the run's last line, which CI reads. */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]) {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const count = (state: string) => tests.filter((test) => test.result().state === state).length;
    const broken = modules.filter((module) => module.state() === "failed" && count("failed") === 0).length;
    const skipped = count("skipped");
    process.on("exit", () => {
      console.log(
        `${count("passed")} passed, ${count("failed") + broken} failed${skipped ? `, ${skipped} skipped` : ""}`,
      );
    });
  }
}
