/**
 * `npm run test:scale`: 50,000 roles and 20,000 permissions, each role of the product in its own process, with a login that owns only its
 * database. Permissions are defined, moved and deleted one after the other during checks. No check is refused, a revocation takes effect
 * within 2 s, and a new right within 30 s. Needs PostgreSQL (TEST_DATABASE_URL, a superuser), NATS and Redis.
 * `--seconds 60`, `--roles 50000`, `--permissions 20000`.
 */
import { parseArgs } from "node:util";
import { install } from "../tests/scale/support/installation.ts";
import { populate } from "../tests/scale/support/population.ts";
import { givenWithinMs, sustain, takenWithinMs } from "../tests/scale/support/sustained.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    roles: { type: "string", default: "50000" },
    permissions: { type: "string", default: "20000" },
  },
});
const size = { roles: Number(values.roles), permissions: Number(values.permissions) };
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const timed = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
  const startedAt = performance.now();
  const result = await work();
  say(`${what}: ${((performance.now() - startedAt) / 1_000).toFixed(1)} s`);
  return result;
};

const installation = await install((url) =>
  timed(`filled with ${size.roles} roles and ${size.permissions} permissions`, () => populate(url, size)),
);
try {
  await timed("started", () => installation.start());
  say((await timed("gatehouse projection rebuild", () => installation.run("projection", "rebuild"))).trimEnd());
  const { changes, checks, refused, waitedTooLong, checkMs, takenMs, givenMs } = await sustain(installation, size, Number(values.seconds));
  say(`${changes} changes, ${checks} checks, ${refused.length} refused; of the changing permission ${waitedTooLong}`);
  say(`check: ${spread(checkMs)}; revoked: ${spread(takenMs)}; granted: ${spread(givenMs)}`);
  const problems = [
    ...refused.slice(0, 5).map((text) => `refused: ${text}`),
    ...(changes === 0 ? ["nothing was changed"] : []),
    ...(Math.max(...takenMs) > takenWithinMs ? [`a revoked right had an effect for more than ${takenWithinMs} ms`] : []),
    ...(Math.max(...givenMs) > givenWithinMs ? [`a new right had no effect after ${givenWithinMs} ms`] : []),
  ];
  for (const problem of problems) say(`FAILED ${problem}`);
  process.exitCode = problems.length === 0 ? 0 : 1;
} finally {
  await installation.close();
}
// Processes of the run end with this process.
process.exit();

function spread(ms: readonly number[]): string {
  const sorted = ms.toSorted((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(0);
  return `median ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms`;
}
