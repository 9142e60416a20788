import { randomBytes } from "node:crypto";
import type { FastifyInstance, InjectOptions } from "fastify";
import { pino } from "pino";
import { inject } from "vitest";
import type { ModuleManifest } from "../../server/src/operation/declaration/module.ts";
import { operator } from "../../server/src/operation/declaration/principal.ts";
import { backgroundOrigin } from "../../server/src/operation/kernel/scheduled.ts";
import { masterKeyFromFile } from "../../server/src/platform/keys/file.ts";
import type { InboxItem } from "../../server/src/platform/mail/inbox.ts";
import { type Application, assemble } from "../../server/src/runtime/application.ts";
import { type Configuration, readConfiguration } from "../../server/src/runtime/configuration.ts";
import { openGateway } from "../../server/src/runtime/gateway.ts";
import type { Overrides } from "../../server/src/runtime/ports.ts";
import { isAll } from "../../server/src/runtime/roles.ts";
import { gatewayServer } from "../../server/src/runtime/server.ts";
import { readImage } from "./image.ts";
import { makeDatabase } from "./postgres.ts";
import { services } from "./services.ts";
import { tokenAlgorithm } from "./start-once.ts";

/** An HTTP response. */
export interface Answer<Body = Record<string, never>> {
  readonly status: number;
  readonly body: Body;
  readonly headers: Readonly<Record<string, string | string[] | number | undefined>>;
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
export type AnyBody = any;

export interface CallOptions {
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** The client's address. */
  readonly from?: string;
}

/** A complete server on a database of its own, called without a socket. */
export interface TestServer {
  readonly application: Application;
  readonly http: FastifyInstance;
  readonly clock: MovableClock;
  /** Calls `"POST /api/v1/iam/…"` over HTTP. */
  call<Body = AnyBody>(route: string, options?: CallOptions): Promise<Answer<Body>>;
  /** Waits for the newest mail of a template to an address whose text contains `about`. */
  mail(to: string, template: string, about?: string): Promise<InboxItem>;
  /** Parsed lines of the log. */
  readonly logged: AnyBody[];
  readonly configuration: Configuration;
  /** Another server on the same database, with its own caches. On PostgreSQL only: a PGlite has one process. */
  startAnother(options?: { readonly worker?: boolean }): Promise<TestServer>;
  close(): Promise<void>;
}

export class MovableClock {
  #shiftMs = 0;
  now(): number {
    return Date.now() + this.#shiftMs;
  }
  advance(seconds: number): void {
    this.#shiftMs += seconds * 1_000;
  }
}

export type Backend = "pglite" | "postgresql";

/** Every suite runs on both databases; TEST_BACKEND=postgresql selects PostgreSQL. */
export const backend: Backend = process.env["TEST_BACKEND"] === "postgresql" ? "postgresql" : "pglite";

/**
 * TEST_TOPOLOGY=distributed runs each role in a process of its own behind NATS, on PostgreSQL only; by default one process has every
 * role. Suites do not depend on it: `application` is the command process, with the reader of the query process.
 */
export const distributed = process.env["TEST_TOPOLOGY"] === "distributed";

export type Topology = "together" | "apart";

/**
 * Starts a server for tests. `environment` has the variables of docs/reference/configuration.md. A test that divides the roles itself
 * requests the topology `together`.
 */
export async function startTestServer(
  environment: Readonly<Record<string, string>> = {},
  on: Backend = backend,
  options: OpenOptions = {},
): Promise<TestServer> {
  const database = on === "postgresql" ? await makeDatabase(templateOf(environment)) : undefined;
  const server = await openTestServer(
    {
      GATEHOUSE_DATA_DIR: "memory",
      GATEHOUSE_MASTER_KEY: inject("masterKey"),
      ...tokenAlgorithm,
      ...(database ? { DATABASE_URL: database.url } : {}),
      ...(database?.directUrl === undefined ? {} : { DATABASE_DIRECT_URL: database.directUrl }),
      ...environment,
    },
    { ...options, begins: environment["GATEHOUSE_MASTER_KEY"] === undefined ? "started" : "migrated" },
  );
  return {
    ...server,
    async close() {
      await server.close();
      await database?.drop();
    },
  };
}

/**
 * No template with settings of the database or a pooler, which apply from the first schema step on, nor with another master key than the
 * template's.
 */
const templateOf = ({ DATABASE_SCHEMA: schema, GATEHOUSE_MASTER_KEY: key }: Readonly<Record<string, string>>): string | undefined =>
  schema === undefined &&
  key === undefined &&
  process.env["TEST_DATABASE_SETTINGS"] === undefined &&
  process.env["TEST_DATABASE_POOLER"] === undefined
    ? inject("startedTemplate")
    : undefined;

interface OpenOptions {
  /**
   * What embedded storage begins from, instead of the data directory: a migrated image without a master key, or that of a first start,
   * whose master key is the run's.
   */
  readonly begins?: "migrated" | "started";
  readonly topology?: Topology;
  /** Without one, nothing projects, sends or cleans up. */
  readonly worker?: boolean;
  readonly clock?: MovableClock;
  /** The clock of the machine; decisions use the database's time. */
  readonly machineClock?: () => number;
  /** Modules in addition to those of the product. */
  readonly modules?: readonly ModuleManifest[];
}

const imageOf = { migrated: "databaseImage", started: "startedImage" } as const;

/** Opens a server on an existing database, or on the one that `environment` names. */
export async function openTestServer(environment: Readonly<Record<string, string>>, options: OpenOptions = {}): Promise<TestServer> {
  const configuration = readConfiguration({ PUBLIC_URL: "http://127.0.0.1:8080", ...environment });
  const clock = options.clock ?? new MovableClock();
  const logged: AnyBody[] = [];
  const logger = pino({ level: "debug", messageKey: "message" }, { write: (line: string) => void logged.push(JSON.parse(line)) });
  const image = configuration.databaseUrl === undefined && options.begins && inject(imageOf[options.begins]);
  const { machineClock, modules } = options;
  const overrides = {
    ...(machineClock === undefined ? { clock } : { machineClock }),
    logger,
    ...(modules === undefined ? {} : { modules }),
    ...(image ? { image: readImage(image) } : {}),
  };
  const isApart = options.topology === undefined ? distributed : options.topology === "apart";
  const open = isApart && configuration.databaseUrl !== undefined && isAll(configuration.roles) ? openApart : openTogether;
  const { application, http, close } = await open(environment, configuration, overrides, options.worker !== false);
  await http.ready();
  return {
    application,
    http,
    clock,
    logged,
    configuration,
    call: (route, options) => call(http, route, options),
    mail: (to, template, about = "") => waitForMail(application, to, template, about),
    startAnother: ({ worker = false } = {}) =>
      openTestServer(environment, { worker, clock, ...(options.topology && { topology: options.topology }) }),
    close,
  };
}

interface Opened {
  readonly application: Application;
  readonly http: FastifyInstance;
  close(): Promise<void>;
}

async function openTogether(_given: unknown, configuration: Configuration, overrides: Overrides, worker: boolean): Promise<Opened> {
  const application = await assemble(configuration, overrides);
  if (worker) await application.startWorker();
  const http = gatewayServer(application, configuration, { stage: "running" });
  return {
    application,
    http,
    async close() {
      await http.close();
      await application.stop();
    },
  };
}

async function openApart(
  given: Readonly<Record<string, string>>,
  configuration: Configuration,
  overrides: Overrides,
  works: boolean,
): Promise<Opened> {
  const prefix = `test-${randomBytes(6).toString("hex")}`;
  const withRole = (role: string) =>
    readConfiguration({
      PUBLIC_URL: "http://127.0.0.1:8080",
      NATS_URL: services.nats,
      NATS_PREFIX: prefix,
      DATABASE_POOL: "4",
      GATEHOUSE_MASTER_KEY: configuration.masterKey ?? masterKeyFromFile(configuration.dataDir).toString("base64"),
      ...given,
      GATEHOUSE_ROLE: role,
    });
  const worker = await assemble(withRole("worker"), overrides);
  if (works) await worker.startWorker();
  const [command, query] = [await assemble(withRole("command"), overrides), await assemble(withRole("query"), overrides)];
  await command.startAnswering();
  await query.startAnswering();
  const gateway = await openGateway(withRole("gateway"), overrides);
  // The gateway has no database and so no inbox; tests read the command process's.
  const http = gatewayServer({ ...gateway, inbox: command.inbox }, withRole("gateway"), { stage: "running" });
  const application: Application = {
    ...command,
    reader: query.reader,
    authenticate: query.authenticate,
    startWorker: () => worker.startWorker(),
    async settled() {
      await worker.settled();
      for (const { platform } of [command, query]) await platform.log.catchUp();
    },
  };
  return {
    application,
    http,
    async close() {
      await http.close();
      for (const process of [gateway, query, command, worker]) await process.stop();
    },
  };
}

async function call<Body>(http: FastifyInstance, route: string, options: CallOptions = {}): Promise<Answer<Body>> {
  const [method, url] = route.split(" ") as [string, string];
  const request: InjectOptions = {
    method: method as "GET",
    url,
    headers: {
      ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
      ...(options.body === undefined ? {} : { "content-type": "application/json" }),
      ...options.headers,
    },
    ...(options.from === undefined ? {} : { remoteAddress: options.from }),
    ...(options.body === undefined ? {} : { payload: typeof options.body === "string" ? options.body : JSON.stringify(options.body) }),
  };
  const response = await http.inject(request);
  const isJson = response.body !== "" && String(response.headers["content-type"] ?? "").startsWith("application/json");
  return { status: response.statusCode, body: (isJson ? response.json() : response.body) as Body, headers: response.headers };
}

/** Mails are sent by a job; one that takes longer is lost. */
const mailWaitMs = 10_000;

async function waitForMail(application: Application, to: string, template: string, about: string): Promise<InboxItem> {
  const deadline = Date.now() + mailWaitMs;
  while (Date.now() < deadline) {
    const mails = (await application.inbox?.list()) ?? [];
    const found = mails.find((mail) => mail.to === to && mail.template === template && mail.text.includes(about));
    if (found) return found;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`no ${template} mail came for ${to}`);
}

/** Calls an operation as the command line does. */
export const asOperator = async (server: TestServer, operation: string, input: Record<string, unknown>): Promise<AnyBody> =>
  (await server.application.dispatch({ operation, input, principal: operator, origin: backgroundOrigin() })).output;
