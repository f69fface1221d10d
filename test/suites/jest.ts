import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import * as z from "zod";

const reportSchema = z.looseObject({
  testResults: z.array(
    z.looseObject({
      name: z.string(),
      message: z.string(),
      assertionResults: z.array(
        z.looseObject({ fullName: z.string(), status: z.string(), failureMessages: z.array(z.string()) }),
      ),
    }),
  ),
});

export type TestOutcome = {
  /** File and title. */
  readonly name: string;
  readonly passed: boolean;
  /** The first line of what went wrong; empty when nothing did. */
  readonly problem: string;
};

export type JestRun = {
  /** A checkout with its dependencies. */
  readonly checkout: string;
  /** Files or folders below its tests of the API. */
  readonly files: readonly string[];
  readonly env: Readonly<Record<string, string>>;
};

const folderOfTests = path.join("tests", "api-resources");

/** Runs a checkout's own tests. Fails when a file cannot be run at all. */
export const runJest = async ({ checkout, files, env }: JestRun): Promise<readonly TestOutcome[]> => {
  const folder = await mkdtemp(path.join(tmpdir(), "shoal-suite-"));
  const report = path.join(folder, "report.json");
  await new Promise<void>((resolve) => {
    const jest = path.join(checkout, "node_modules", "jest", "bin", "jest.js");
    execFile(
      process.execPath,
      [jest, "--runInBand", "--json", "--outputFile", report, ...files.map((file) => path.join(folderOfTests, file))],
      { cwd: checkout, env: { ...process.env, ...env }, maxBuffer: 64 * 1024 * 1024 },
      // A failed test is a failed process, whose report is still there.
      () => resolve(),
    );
  });
  const { testResults } = reportSchema.parse(JSON.parse(await readFile(report, "utf8")));
  await rm(folder, { recursive: true });
  const broken = testResults.find(({ assertionResults }) => assertionResults.length === 0);
  if (broken) throw new Error(broken.message);
  return testResults.flatMap(({ name, assertionResults }) =>
    assertionResults.map(({ fullName, status, failureMessages }) => ({
      name: `${path.relative(path.join(checkout, folderOfTests), name).replace(/\.test\.ts$/, "")}: ${fullName}`,
      passed: status === "passed",
      problem: failureMessages[0]?.split("\n")[0] ?? "",
    })),
  );
};

export type Verdict = {
  readonly suite: string;
  readonly outcomes: readonly TestOutcome[];
  /** What is not served, and why, by the name of the test. */
  readonly leftOut: readonly { readonly test: RegExp; readonly why: string }[];
};

/** Prints each test and `n/m`; whether all passed that are not left out, and none that is. */
export const printVerdict = ({ suite, outcomes, leftOut }: Verdict): boolean => {
  const reasonOf = ({ name }: TestOutcome) => leftOut.find(({ test }) => test.test(name))?.why;
  const served = outcomes.filter((outcome) => reasonOf(outcome) === undefined);
  const surprising = outcomes.filter((outcome) => outcome.passed && reasonOf(outcome) !== undefined);
  for (const { name, passed, problem } of served) console.log(`${passed ? "passed" : "failed"} ${name} ${problem}`);
  for (const outcome of outcomes.filter((each) => reasonOf(each) !== undefined))
    console.log(`left out ${outcome.name}: ${reasonOf(outcome)}`);
  for (const { name } of surprising) console.log(`passes and is left out: ${name}`);
  const passed = served.filter((outcome) => outcome.passed).length;
  console.log(`${suite}: ${passed}/${served.length} passed, ${outcomes.length - served.length} left out`);
  return passed === served.length && surprising.length === 0;
};
