import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { freePort } from "@gatehouse/testing/free-port.ts";
import { until } from "./cluster.ts";

const program = join(import.meta.dirname, "..", "..", "packages", "server", "bin", "gatehouse.js");

export interface Product {
  readonly url: string;
  stop(): Promise<void>;
}

type Environment = Readonly<Record<string, string>>;

/** The product does not inherit this process's configuration. */
const environmentOf = (environment: Environment): NodeJS.ProcessEnv => ({ PATH: process.env["PATH"], ...environment });

export const startProduct = (environment: Environment): Promise<Product> => startRole("all", environment);

/** Starts a process with some of the roles, and waits until it is ready. */
export async function startRole(role: string, environment: Environment): Promise<Product> {
  const port = await freePort();
  const child = spawn(process.execPath, [program, "start", "--role", role], {
    env: environmentOf({ LOG_LEVEL: "fatal", GATEHOUSE_SIGN_IN_LIMIT: "off", ...environment, PORT: String(port) }),
    stdio: ["ignore", "ignore", "inherit"],
  });
  const url = `http://127.0.0.1:${port}`;
  const ready = () =>
    fetch(`${url}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  await until(ready, 60_000, () => child.exitCode !== null);
  return { url, stop: () => ended(child) };
}

const ended = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (child.exitCode !== null) return resolve();
    child.on("exit", () => resolve());
    child.kill("SIGTERM");
  });

/** Runs a command of the command line; undefined where this release has no such command. */
export function runCommand(
  args: readonly string[],
  environment: Environment,
): Promise<{ code: number | null; output: string } | undefined> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [program, ...args], { env: environmentOf(environment), stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    const keep = (chunk: Buffer) => {
      output += chunk;
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("close", (code) => resolve(/There is no command/.test(output) ? undefined : { code, output: output.trim() }));
  });
}

/** A write that the product has acknowledged. */
export interface Acknowledged {
  readonly id: string;
  readonly at: Date;
}

export interface Writing {
  readonly acknowledged: readonly Acknowledged[];
  /** Ends it; requests in flight count only where they are acknowledged. */
  stop(): Promise<void>;
}

const password = "a quiet green harbour";

/** Signs up a user who may create organizations. */
export async function signUp(url: string, environment: Environment): Promise<string> {
  const email = `drill-${Date.now()}@example.com`;
  const made = await runCommand(["user", "create", "--email", email, "--first-name", "Drill", "--last-name", "Person"], {
    ...environment,
    GATEHOUSE_USER_PASSWORD: password,
  });
  if (made?.code !== 0) throw new Error(`no user could be created: ${made?.output}`);
  const answer = await post(url, "/api/v1/iam/auth/login", { email, password });
  return ((await answer.json()) as { sessionToken: string }).sessionToken;
}

/** Creates organizations at a steady rate, and records which were acknowledged, and when. */
export function write(url: string, token: string, perSecond: number): Writing {
  const acknowledged: Acknowledged[] = [];
  const underWay = new Set<Promise<void>>();
  let number = 0;
  const one = async () => {
    number += 1;
    const name = `Drill ${Date.now()}-${number}`;
    const body = { name, slug: name.toLowerCase().replace(" ", "-"), country: "VN" };
    const answer = await post(url, "/api/v1/iam/organizations", body, token).catch(() => undefined);
    if (answer?.status !== 201) return;
    const { id } = (await answer.json()) as { id: string };
    acknowledged.push({ id, at: new Date() });
  };
  const timer = setInterval(() => {
    const call = one().finally(() => underWay.delete(call));
    underWay.add(call);
  }, 1_000 / perSecond);
  return {
    acknowledged,
    async stop() {
      clearInterval(timer);
      await Promise.all(underWay);
    },
  };
}

export const post = (url: string, path: string, body: object, token?: string): Promise<Response> =>
  fetch(new URL(path, url), {
    method: "POST",
    headers: { "content-type": "application/json", ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
    // A request that hangs without the database was not acknowledged.
    signal: AbortSignal.timeout(5_000),
  });
