import { openPostgres } from "@gatehouse/testing/own-services.ts";
import pg from "pg";
import { gatehouse } from "../newcomer/process.ts";
import { Load } from "./support/load.ts";
import { countsOf, type Scenario } from "./support/stage.ts";

/** Processes that start the same work at the same moment. */
const processes = 3;

/** Several processes migrate an empty database concurrently, and several workers serve the same consumers and jobs. */
export const twiceScenario: Scenario = {
  name: "the same work in several processes",
  guarantee: "A migration, an event and a job take effect once.",
  async run({ application, schools }) {
    const load = await Load.start(application, schools);
    const problems: string[] = [];
    const migrated = await migrateAtOnce(application.environment, problems);
    const jobs = await jobsAtOnce(application.postgresql.url, problems);
    const report = await load.stopAndVerify();
    // No process was killed, so nothing explains a second mail.
    if (report.counts["mailsTwice"] !== 0) problems.push(`${report.counts["mailsTwice"]} mails came twice`);
    return { problems: [...report.problems, ...problems], steps: migrated, "scheduled jobs done": jobs, ...countsOf(report) };
  },
};

async function migrateAtOnce(environment: Readonly<Record<string, string>>, problems: string[]): Promise<number> {
  const empty = await openPostgres();
  try {
    const own = { ...environment, DATABASE_URL: empty.url };
    const runs = await Promise.all(Array.from({ length: processes }, () => gatehouse(["migrate"], own)));
    for (const { code, output } of runs) if (code !== 0) problems.push(`gatehouse migrate ended with ${code}: ${output}`);
    const applied = runs.flatMap(({ output }) => output.match(/^\d{4}_\w+/gm) ?? []);
    const twice = applied.filter((name, index) => applied.indexOf(name) !== index);
    if (twice.length > 0) problems.push(`applied more than once: ${twice.join(", ")}`);
    if (applied.length === 0) problems.push("no step was applied");
    return applied.length;
  } finally {
    await empty.close();
  }
}

/** Enqueues a few jobs that every worker serves, and counts how often each was run. */
async function jobsAtOnce(url: string, problems: string[]): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const queue = "sessions.delete-expired";
    await client.query("insert into jobs.job (name, data) select $1, '{}' from generate_series(1, 20)", [queue]);
    await client.query("select pg_notify('pgboss', $1)", [queue]).catch(() => {});
    const deadline = performance.now() + 60_000;
    for (;;) {
      const { rows } = await client.query(
        `select count(*) filter (where state = 'completed')::int as done, coalesce(max(retry_count), 0)::int as retries,
           count(*)::int as all from jobs.job where name = $1`,
        [queue],
      );
      const { done, retries, all } = rows[0] as { done: number; retries: number; all: number };
      if (done === all) {
        if (retries > 0) problems.push(`a job was tried ${retries + 1} times`);
        return done;
      }
      if (performance.now() > deadline) {
        problems.push(`${done} of ${all} jobs are done`);
        return done;
      }
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  } finally {
    await client.end();
  }
}
