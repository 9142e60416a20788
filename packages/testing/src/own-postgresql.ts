import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { asAdministrator } from "./databases.ts";
import { freePort } from "./free-port.ts";

const run = promisify(execFile);
const versions = "/usr/lib/postgresql";

/** A PostgreSQL of the test's own, which it may stop and start. */
export interface OwnPostgresql {
  readonly url: string;
  readonly port: number;
  start(): Promise<void>;
  /** Ends it immediately, as a crash does. */
  crash(): Promise<void>;
  /** Starts a standby by streaming replication, with these settings. Close it before the primary. */
  standby(settings?: Readonly<Record<string, string>>): Promise<OwnStandby>;
  /** Waits until a standby has replayed everything that was written here before the call. */
  replayedBy(standby: OwnStandby): Promise<void>;
  close(): Promise<void>;
}

export interface OwnStandby extends OwnPostgresql {
  /** Promotes it to primary, at the given address (of a crashed primary) or at its own. */
  promote(port?: number): Promise<void>;
}

/** The folder of its programs; undefined if PostgreSQL is not installed. */
export function postgresqlPrograms(): string | undefined {
  const found = existsSync(versions) ? readdirSync(versions).sort().at(-1) : undefined;
  return found && join(versions, found, "bin");
}

/** A new cluster, whose transaction ids start where initdb leaves them. */
export async function startPostgresql(settings: Readonly<Record<string, string>> = {}): Promise<OwnPostgresql> {
  const made = await newFolder();
  await runAs(made, "initdb", ["-D", made.data, "-U", "postgres", "-A", "trust", "--no-sync"]);
  const server = serverOn(made, await freePort(), settings);
  await server.start();
  return server;
}

interface Folder {
  readonly folder: string;
  readonly data: string;
  /** PostgreSQL refuses to run as root. */
  readonly owner: { readonly uid?: number; readonly gid?: number };
}

async function newFolder(): Promise<Folder> {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-postgresql-"));
  const owner = userInfo().uid === 0 ? { uid: await idOf("-u"), gid: await idOf("-g") } : {};
  if (owner.uid !== undefined && owner.gid !== undefined) chownSync(folder, owner.uid, owner.gid);
  return { folder, data: join(folder, "data"), owner };
}

const runAs = ({ folder, owner }: Folder, program: string, args: readonly string[]) =>
  run(join(postgresqlPrograms() as string, program), args, { ...owner, cwd: folder });

function serverOn(made: Folder, firstPort: number, given: Readonly<Record<string, string>>): OwnStandby {
  const { folder, data, owner } = made;
  let port = firstPort;
  let server: ReturnType<typeof spawn> | undefined;
  const url = () => `postgres://postgres@127.0.0.1:${port}/postgres`;
  const ask = (text: string) => asAdministrator(async (client) => (await client.query(text)).rows[0], url());
  const until = async (isSo: () => Promise<boolean>): Promise<void> => {
    while (!(await isSo().catch(() => false))) await new Promise((resolve) => setTimeout(resolve, 50));
  };
  const start = async (): Promise<void> => {
    const settings = { port: String(port), listen_addresses: "127.0.0.1", unix_socket_directories: folder, fsync: "off", ...given };
    const args = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const child = spawn(join(postgresqlPrograms() as string, "postgres"), ["-D", data, ...args], {
      ...owner,
      cwd: folder,
      stdio: "ignore",
    });
    server = child;
    await until(async () => {
      if (child.exitCode !== null) throw new Error("PostgreSQL did not start");
      return (await ask("select 1")) !== undefined;
    });
  };
  const crash = async (): Promise<void> => {
    if (server === undefined) return;
    const ended = once(server, "exit");
    // An immediate shutdown notifies no client, and the next start recovers.
    server.kill("SIGQUIT");
    await ended;
    server = undefined;
  };
  return {
    get url() {
      return url();
    },
    get port() {
      return port;
    },
    start,
    crash,
    async standby(settings = {}) {
      const copy = await newFolder();
      await runAs(copy, "pg_basebackup", ["-d", url(), "-D", copy.data, "-X", "stream", "-R", "-c", "fast", "--no-sync"]);
      const standby = serverOn(copy, await freePort(), settings);
      await standby.start();
      return standby;
    },
    async replayedBy(standby) {
      const { lsn } = await ask("select pg_current_wal_lsn()::text as lsn");
      const replayed = `select pg_last_wal_replay_lsn() >= '${lsn}'::pg_lsn as done`;
      await until(() => asAdministrator(async (client) => (await client.query(replayed)).rows[0].done === true, standby.url));
    },
    async promote(at) {
      if (at !== undefined) {
        await crash();
        port = at;
        await start();
      }
      await ask("select pg_promote(true, 60)");
    },
    async close() {
      await crash();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const idOf = async (which: string): Promise<number> => Number((await run("id", [which, "postgres"])).stdout);
