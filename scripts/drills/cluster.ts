import { execFileSync, type SpawnOptions, spawn, spawnSync } from "node:child_process";
import { appendFileSync, chownSync, existsSync, globSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";

/** Folders of the server's programs in Debian and the official image. */
export const postgresqlPrograms = (): string | undefined =>
  globSync("/usr/lib/postgresql/*/bin/initdb")
    .sort()
    .at(-1)
    ?.replace(/\/initdb$/, "");

/** PostgreSQL refuses to run as root; a drill that runs as root uses the user of the package. */
export const databaseUser = (): { uid: number; gid: number } | undefined => {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string) => Number(execFileSync("id", [flag, "postgres"], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
};

/** Runs a program as the database's user; throws with what it printed. */
export function runAsDatabase(program: string, args: readonly string[]): string {
  const ended = spawnSync(program, args, { ...databaseUser(), encoding: "utf8", cwd: "/" });
  if (ended.status !== 0) throw new Error(`${program} ${args.join(" ")}: ${ended.error?.message ?? `${ended.stdout}${ended.stderr}`}`);
  return ended.stdout;
}

/** A folder that the database's user may write to. */
export function newFolder(parent: string, name: string): string {
  const folder = join(parent, name);
  mkdirSync(folder, { mode: 0o700 });
  give(folder);
  return folder;
}

export function newDrillFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "gatehouse-drill-"));
  give(folder);
  return folder;
}

function give(folder: string): void {
  const user = databaseUser();
  if (user) chownSync(folder, user.uid, user.gid);
}

/** The drill's PostgreSQL. */
export interface Cluster {
  readonly dataDir: string;
  readonly url: string;
  /** Kills every process of it with SIGKILL, and deletes its disk. */
  lose(): Promise<void>;
  stop(): Promise<void>;
}

export function initCluster(dataDir: string, configuration: string): void {
  const programs = postgresqlPrograms();
  runAsDatabase(`${programs}/initdb`, ["-D", dataDir, "-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8"]);
  appendFileSync(join(dataDir, "postgresql.conf"), `\n${configuration}\n`);
}

export async function startCluster(dataDir: string, port: number, sockets: string): Promise<Cluster> {
  const options: SpawnOptions = { ...databaseUser(), stdio: ["ignore", "ignore", openSync(`${dataDir}.log`, "a")], cwd: "/" };
  const args = [
    "-D",
    dataDir,
    "-p",
    String(port),
    "-k",
    sockets,
    "-c",
    "listen_addresses=127.0.0.1",
    "-c",
    "logging_collector=off",
    "-c",
    "log_min_messages=fatal",
  ];
  const child = spawn(`${postgresqlPrograms()}/postgres`, args, options);
  const ended = new Promise<void>((resolve) => child.on("exit", () => resolve()));
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  await until(
    () => answers(url),
    60_000,
    () => child.exitCode !== null,
  );
  return {
    dataDir,
    url,
    async lose() {
      for (const pid of [child.pid as number, ...childrenOf(child.pid as number)]) process.kill(pid, "SIGKILL");
      await ended;
      rmSync(dataDir, { recursive: true, force: true });
    },
    async stop() {
      if (child.exitCode === null && child.signalCode === null) child.kill("SIGINT");
      await ended;
    },
  };
}

/** The cluster's processes, which would otherwise run on for a moment. */
const childrenOf = (pid: number): readonly number[] =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);

/** True once it accepts writes: until then a restored server replays its WAL. */
async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 1_000 });
  client.on("error", () => {});
  try {
    await client.connect();
    const { rows } = await client.query("select not pg_is_in_recovery() as ready");
    return rows[0].ready;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

export async function until(isReady: () => Promise<boolean>, withinMs: number, failed: () => boolean = () => false): Promise<void> {
  const deadline = Date.now() + withinMs;
  while (!(await isReady())) {
    if (failed()) throw new Error("it ended instead of becoming ready");
    if (Date.now() > deadline) throw new Error(`not ready within ${withinMs / 1_000} s`);
    await pause(100);
  }
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** The reason why a drill cannot run here; undefined where it can. */
export function whyNoDrill(): string | undefined {
  if (postgresqlPrograms() === undefined) return "PostgreSQL's programs (initdb) are not installed";
  if (!existsSync("/usr/bin/pgbackrest")) return "pgBackRest is not installed";
  return undefined;
}
