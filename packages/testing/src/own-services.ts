import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdtempSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import pg from "pg";
import { removedAtEnd, start } from "./child.ts";
import { freePort } from "./free-port.ts";
import { openService, type Service } from "./own-service.ts";

/** Where distributions install programs that are not on the path. */
const usualFolders = [
  "/usr/lib/postgresql/17/bin",
  "/usr/lib/postgresql/16/bin",
  "/usr/lib/postgresql/15/bin",
  "/usr/lib/rabbitmq/bin",
  "/usr/sbin",
];

/** The program's path; undefined if it is not installed. */
export function found(program: string): string | undefined {
  const folders = [...usualFolders, ...(process.env["PATH"] ?? "").split(delimiter)];
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path));
}

/** The required programs that are not installed. */
export const missingPrograms = (): readonly string[] =>
  ["initdb", "postgres", "redis-server", "nats-server", "rabbitmq-server"].filter((program) => found(program) === undefined);

const programOf = (name: string): string => found(name) ?? name;

/** PostgreSQL with durable commits, as in production: a commit survives `kill -9`. */
export async function openPostgres(): Promise<Service> {
  const folder = newFolder("postgresql");
  const port = await freePort();
  // PostgreSQL refuses to run as root; its package creates its user.
  const as = process.getuid?.() === 0 ? userNamed("postgres") : undefined;
  if (as) chownSync(folder, as.uid, as.gid);
  const data = join(folder, "data");
  execFileSync(programOf("initdb"), ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"], {
    ...as,
    stdio: "ignore",
  });
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const settings = { listen_addresses: "127.0.0.1", port, unix_socket_directories: "", fsync: "on", max_connections: 200 };
  return openService({
    name: "PostgreSQL",
    url,
    folder,
    run: () =>
      start(programOf("postgres"), ["-D", data, ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`])], as),
    answers: async () => {
      const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
      client.on("error", () => {});
      try {
        await client.connect();
        await client.query("select 1");
      } finally {
        await client.end().catch(() => {});
      }
    },
    // SIGINT is a fast shutdown, which ends connections; SIGTERM would wait for them.
    stopSignal: "SIGINT",
  });
}

export async function openRedis(): Promise<Service> {
  const folder = newFolder("redis");
  const port = await freePort();
  return openService({
    name: "Redis",
    url: `redis://127.0.0.1:${port}`,
    folder,
    run: () => start(programOf("redis-server"), ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder, "--save", ""]),
    answers: () => accepts(port),
  });
}

export async function openNats(): Promise<Service> {
  const folder = newFolder("nats");
  const port = await freePort();
  return openService({
    name: "NATS",
    url: `nats://127.0.0.1:${port}`,
    folder,
    run: () => start(programOf("nats-server"), ["-a", "127.0.0.1", "-p", String(port), "-js", "-sd", folder]),
    answers: () => accepts(port),
  });
}

export async function openRabbitmq(): Promise<Service> {
  const folder = newFolder("rabbitmq");
  const [port, distribution] = [await freePort(), await freePort()];
  const environment = {
    PATH: process.env["PATH"],
    // Its Erlang cookie is in this folder; that of another instance would not be readable.
    HOME: folder,
    RABBITMQ_NODENAME: `gatehouse-chaos-${port}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(distribution),
    RABBITMQ_MNESIA_BASE: join(folder, "mnesia"),
    RABBITMQ_LOG_BASE: join(folder, "log"),
    RABBITMQ_PID_FILE: join(folder, "pid"),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, "plugins"),
    RABBITMQ_CONFIG_FILE: join(folder, "none"),
  };
  return openService({
    name: "RabbitMQ",
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    folder,
    run: () => start(programOf("rabbitmq-server"), [], { env: environment, cwd: folder }),
    answers: () => greets(port, "AMQP\0\0\u0009\u0001"),
  });
}

function newFolder(name: string): string {
  const folder = removedAtEnd(mkdtempSync(join(tmpdir(), `gatehouse-chaos-${name}-`)));
  chmodSync(folder, 0o700);
  return folder;
}

function userNamed(name: string): { readonly uid: number; readonly gid: number } {
  const idOf = (flag: string): number => Number(execFileSync("id", [flag, name], { encoding: "utf8" }));
  return { uid: idOf("-u"), gid: idOf("-g") };
}

const accepts = (port: number): Promise<void> => talk(port, undefined);
/** Sends a protocol header and waits for an answer: an open port does not show that the broker is ready. */
const greets = (port: number, words: string): Promise<void> => talk(port, words);

function talk(port: number, words: string | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, timeout: 2_000 });
    const end = (outcome: () => void) => () => {
      socket.destroy();
      outcome();
    };
    socket.once("error", (error) => end(() => reject(error))());
    socket.once("timeout", () => end(() => reject(new Error("no answer in time")))());
    socket.once("end", () => end(() => reject(new Error("the connection was ended")))());
    socket.once("connect", () => (words === undefined ? end(resolve)() : socket.write(words, "latin1")));
    socket.once("data", () => end(resolve)());
  });
}
