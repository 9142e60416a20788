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

/** A PostgreSQL of a test's own, so that it may be stopped and started while others use theirs. */
export interface OwnPostgresql {
  readonly url: string;
  start(): Promise<void>;
  /** Ends it at once, as a crash does. */
  crash(): Promise<void>;
  close(): Promise<void>;
}

/** Where its programs are; undefined where PostgreSQL is not installed. */
export function postgresqlPrograms(): string | undefined {
  const found = existsSync(versions) ? readdirSync(versions).sort().at(-1) : undefined;
  return found && join(versions, found, "bin");
}

export async function startPostgresql(): Promise<OwnPostgresql> {
  const programs = postgresqlPrograms() as string;
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-postgresql-"));
  const port = await freePort();
  // It does not run as root.
  const owner = userInfo().uid === 0 ? { uid: await idOf("-u"), gid: await idOf("-g") } : {};
  if (owner.uid !== undefined && owner.gid !== undefined) chownSync(folder, owner.uid, owner.gid);
  const data = join(folder, "data");
  await run(join(programs, "initdb"), ["-D", data, "-U", "postgres", "-A", "trust", "--no-sync"], { ...owner, cwd: folder });
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  let server: ReturnType<typeof spawn> | undefined;
  const start = async (): Promise<void> => {
    const settings = [
      "-c",
      `port=${port}`,
      "-c",
      "listen_addresses=127.0.0.1",
      "-c",
      `unix_socket_directories=${folder}`,
      "-c",
      "fsync=off",
    ];
    server = spawn(join(programs, "postgres"), ["-D", data, ...settings], { ...owner, cwd: folder, stdio: "ignore" });
    for (;;) {
      const up = await asAdministrator((client) => client.query("select 1"), url).catch(() => undefined);
      if (up) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const crash = async (): Promise<void> => {
    if (server === undefined) return;
    const ended = once(server, "exit");
    // An immediate shutdown: no word to anybody, and the next start recovers.
    server.kill("SIGQUIT");
    await ended;
    server = undefined;
  };
  await start();
  return {
    url,
    start,
    crash,
    async close() {
      await crash();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const idOf = async (which: string): Promise<number> => Number((await run("id", [which, "postgres"])).stdout);
