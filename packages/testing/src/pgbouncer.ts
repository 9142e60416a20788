import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.ts";

const program = ["/usr/sbin/pgbouncer", "/usr/local/bin/pgbouncer", "/opt/homebrew/bin/pgbouncer"].find((path) => existsSync(path));

/** Why no PgBouncer can be used; undefined if one can. */
export const whyNoPgbouncer = program === undefined ? "pgbouncer is not installed" : undefined;

/** A PgBouncer of the test's own, in transaction mode, otherwise with the defaults of its package. */
export interface OwnPgbouncer {
  /** The address of a database behind it. */
  urlOf(databaseUrl: string): string;
  close(): Promise<void>;
}

/** Starts one in front of the server of `serverUrl`, with that many connections for each database. */
export async function startPgbouncer(serverUrl: string, poolSize = 4): Promise<OwnPgbouncer> {
  const server = new URL(serverUrl);
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-pgbouncer-"));
  const port = await freePort();
  const file = join(folder, "pgbouncer.ini");
  const target = `host=${server.hostname} port=${server.port || 5432} user=${server.username}${server.password && ` password=${server.password}`}`;
  writeFileSync(
    file,
    `[databases]\n* = ${target}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = ${port}\nauth_type = any\npool_mode = transaction\n` +
      `max_client_conn = 500\ndefault_pool_size = ${poolSize}\nunix_socket_dir =\nlogfile = ${folder}/log\npidfile = ${folder}/pid\n`,
  );
  // PgBouncer refuses to run as root; the package of PostgreSQL creates a user.
  const as = userInfo().uid === 0 ? { uid: idOf("-u"), gid: idOf("-g") } : undefined;
  if (as) for (const path of [folder, file]) chownSync(path, as.uid, as.gid);
  const child = spawn(program as string, ["-q", file], { ...as, stdio: "ignore" });
  await listening(port, child);
  return {
    urlOf(databaseUrl) {
      const url = new URL(databaseUrl);
      url.host = `127.0.0.1:${port}`;
      return url.href;
    },
    async close() {
      const ended = once(child, "exit");
      // Immediately, with open connections.
      child.kill("SIGTERM");
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const idOf = (which: string): number => Number(execFileSync("id", [which, "postgres"], { encoding: "utf8" }));

async function listening(port: number, child: ChildProcess): Promise<void> {
  while (!(await accepts(port))) {
    if (child.exitCode !== null) throw new Error(`pgbouncer ended with ${child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const accepts = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.end(() => resolve(true)));
    socket.on("error", () => resolve(false));
  });
