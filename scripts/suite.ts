/**
 * `npm run test:ci`: the suite, and where a few files failed, those once more, each alone. Many thousand tests that talk to real
 * processes share two cores with each other there; what fails beside others and passes alone is listed at the end, so that it is
 * seen and mended, and does not hide behind a green line. What fails twice fails the run, and so does whatever fails in many files.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

/** More failed files than this are not chance. */
const filesAgainMax = 5;

interface FailedFile {
  readonly path: string;
  /** Full names of its failed tests; none where the file itself could not be run. */
  readonly tests: readonly string[];
}

/** Whether the files that `args` of `vitest run` choose passed. An option's value is joined to it by "=": what is not an option is a filter. */
export async function runSuite(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<boolean> {
  const options = args.filter((argument) => argument.startsWith("-"));
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-suite-"));
  try {
    const report = join(folder, "report.json");
    if (await vitest([...args, "--reporter=default", "--reporter=json", `--outputFile.json=${report}`], environment)) return true;
    const failed = existsSync(report) ? failedFiles(readFileSync(report, "utf8")) : [];
    // None: what failed belongs to no file, such as an error that nobody caught.
    if (failed.length === 0 || failed.length > filesAgainMax) return false;
    process.stdout.write(`\nonce more, each alone: ${failed.map(({ path }) => relative(".", path)).join(", ")}\n`);
    for (const { path } of failed) if (!(await vitest([path, ...options], environment))) return false;
    process.stdout.write("\nfailed beside others and passed alone, to be looked at:\n");
    for (const { path, tests } of failed)
      for (const test of tests.length > 0 ? tests : ["the file"]) process.stdout.write(`  ${relative(".", path)}: ${test}\n`);
    return true;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function vitest(args: readonly string[], environment: Readonly<Record<string, string>>): Promise<boolean> {
  const child = spawn("vitest", ["run", ...args], { stdio: "inherit", env: { ...process.env, ...environment } });
  const [status] = await once(child, "exit");
  return status === 0;
}

/** Of a report as Vitest's JSON reporter writes it. */
export function failedFiles(report: string): readonly FailedFile[] {
  const { testResults } = JSON.parse(report) as {
    testResults: readonly { name: string; status: string; assertionResults: readonly { fullName: string; status: string }[] }[];
  };
  return testResults
    .filter(({ status }) => status === "failed")
    .map(({ name, assertionResults }) => ({
      path: name,
      tests: assertionResults.filter(({ status }) => status === "failed").map(({ fullName }) => fullName),
    }));
}

if (import.meta.main) process.exitCode = (await runSuite(process.argv.slice(2))) ? 0 : 1;
