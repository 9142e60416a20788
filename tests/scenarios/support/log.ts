import pg from "pg";

export interface Logged {
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly revision: string;
}

export interface LogCounts {
  /** In the order of the log. */
  readonly events: readonly Logged[];
  /** Dead letters of the product's consumers, as `consumer: reason`. */
  readonly deadLetters: readonly string[];
  /** Jobs that are neither completed nor scheduled, by queue and state. */
  readonly jobs: readonly string[];
  /** Duplicates of rows that must be unique. */
  readonly repeated: readonly string[];
}

/** The only access to the database: at the end, for counts that no operation returns. */
export async function countLog(url: string): Promise<LogCounts> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const rows = async <Item>(text: string): Promise<Item[]> => (await client.query(text)).rows as Item[];
  const lines = async (text: string): Promise<string[]> => (await rows<{ line: string }>(text)).map(({ line }) => line);
  try {
    return {
      events: await rows<Logged>("select id, type, subject, transaction::text as revision from events order by transaction, sequence"),
      deadLetters: await lines("select consumer || ': ' || failure as line from dead_letters"),
      jobs: await lines(
        "select name || ' is ' || state || ' (' || count(*) || ')' as line from jobs.job where state in ('failed', 'active') group by name, state",
      ),
      repeated: await lines(
        `select 'the command of ' || subject || ' was applied ' || count(*) || ' times' as line from events
         where type in ('organization.created.v1', 'grant.created.v1', 'grant.revoked.v1', 'invitation.created.v1', 'session.ended.v1')
         group by type, subject having count(*) > 1`,
      ),
    };
  } finally {
    await client.end();
  }
}
