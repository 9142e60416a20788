/** `npm run check`: every check of the source that does not run the product. Runs all of them, and prints which failed. */
import { spawn } from "node:child_process";

interface Check {
  readonly name: string;
  readonly command: readonly string[];
}

const checks: readonly Check[] = [
  { name: "types", command: ["tsc", "-p", "."] },
  // Without Node's types, because the engine runs in a browser, too.
  { name: "types of the policy engine, without Node", command: ["tsc", "-p", "packages/policy"] },
  // With the types of a browser.
  { name: "types of the examples", command: ["tsc", "-p", "examples/sign-in"] },
  { name: "lint and format", command: ["biome", "check", "--error-on-warnings", "."] },
  // It parses TypeScript with swc, and still warns that it found no TypeScript compiler older than 7.
  { name: "import rules", command: ["depcruise", "packages", "tests", "--config", ".dependency-cruiser.mjs"] },
  { name: "SQL that uses no index", command: ["node", "scripts/check-sql.ts"] },
  { name: "references", command: ["node", "scripts/references.ts", "--check"] },
  { name: "dashboards", command: ["node", "deploy/grafana/build.ts", "--check"] },
  { name: "alerts", command: ["node", "scripts/check-rules.ts"] },
  { name: "API: compatible with the last release", command: ["node", "scripts/check-openapi.ts"] },
  { name: "events: compatible with the last release", command: ["node", "scripts/check-events.ts"] },
  { name: "statements of any size", command: ["node", "scripts/check-statements.ts"] },
  { name: "vocabulary", command: ["node", "scripts/check-vocabulary.ts"] },
  { name: "documentation", command: ["node", "scripts/check-documentation.ts"] },
];

function run({ command }: Check): Promise<{ readonly ok: boolean; readonly output: string }> {
  const [program, ...args] = command as [string, ...string[]];
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, FORCE_COLOR: "0" } });
    let output = "";
    child.stdout.on("data", (chunk) => {
      output += chunk;
    });
    child.stderr.on("data", (chunk) => {
      output += chunk;
    });
    child.on("error", (error) => resolve({ ok: false, output: `${program}: ${error.message}` }));
    child.on("close", (code) => resolve({ ok: code === 0, output }));
  });
}

let failed = 0;
for (const check of checks) {
  const began = performance.now();
  const { ok, output } = await run(check);
  const seconds = ((performance.now() - began) / 1_000).toFixed(1);
  const skipped = /^skipped: .*$/m.exec(output)?.[0];
  process.stdout.write(`${ok ? "ok    " : "FAILED"} ${check.name} (${seconds} s)${skipped === undefined ? "" : ` ${skipped}`}\n`);
  if (!ok) process.stdout.write(`${output.trim()}\n`);
  if (!ok) failed += 1;
}
process.exitCode = failed > 0 ? 1 : 0;
