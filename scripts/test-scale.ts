/**
 * `npm run test:scale`: 50,000 roles and 20,000 permissions, each role of the product in a process of its own, on a login that owns its
 * database and nothing else. Permissions are defined, moved and deleted one after the other while checks go on: none is refused, what
 * was taken away is gone within 2 s, what was given is there within 30 s. Needs PostgreSQL (TEST_DATABASE_URL, a superuser), NATS and Redis.
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
  const begun = performance.now();
  const result = await work();
  say(`${what}: ${((performance.now() - begun) / 1_000).toFixed(1)} s`);
  return result;
};

const installation = await install((url) =>
  timed(`filled with ${size.roles} roles and ${size.permissions} permissions`, () => populate(url, size)),
);
try {
  await timed("started", () => installation.start());
  say((await timed("gatehouse projection rebuild", () => installation.run("projection", "rebuild"))).trimEnd());
  const { changes, checks, refused, waitedTooLong, checkMs, takenMs, givenMs } = await sustain(installation, size, Number(values.seconds));
  say(`${changes} changes, ${checks} checks, ${refused.length} refused; of the permission that was being changed ${waitedTooLong}`);
  say(`check: ${spread(checkMs)}; taken away: ${spread(takenMs)}; given: ${spread(givenMs)}`);
  const problems = [
    ...refused.slice(0, 5).map((text) => `refused: ${text}`),
    ...(changes === 0 ? ["nothing was changed"] : []),
    ...(Math.max(...takenMs) > takenWithinMs ? [`what was taken away had an effect for more than ${takenWithinMs} ms`] : []),
    ...(Math.max(...givenMs) > givenWithinMs ? [`what was given had no effect after ${givenWithinMs} ms`] : []),
  ];
  for (const problem of problems) say(`FAILED ${problem}`);
  process.exitCode = problems.length === 0 ? 0 : 1;
} finally {
  await installation.close();
}
// What was started for the run ends with this process.
process.exit();

function spread(ms: readonly number[]): string {
  const sorted = ms.toSorted((a, b) => a - b);
  const at = (share: number): string => (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN).toFixed(0);
  return `median ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms`;
}
