import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "@gatehouse/testing/free-port.ts";
import { silent } from "@gatehouse/testing/silent.ts";
import { connect } from "@nats-io/transport-node";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { authenticator } from "../../packages/server/src/platform/keys/authenticator.ts";
import { redisLimits } from "../../packages/server/src/platform/limits/redis.ts";
import { redisPeerDetector } from "../../packages/server/src/platform/log/redis-peer-detector.ts";
import { connectRedis } from "../../packages/server/src/platform/redis/client.ts";
import { createResilience } from "../../packages/server/src/platform/resilience/resilience.ts";
import { ownMessages, transportKey } from "../../packages/server/src/platform/rpc/conformance/own-messages.ts";
import { natsRpc } from "../../packages/server/src/platform/rpc/nats.ts";
import type { Rpc } from "../../packages/server/src/platform/rpc/rpc.ts";
import { redisSnapshotCache } from "../../packages/server/src/platform/snapshot-cache/redis.ts";
import { createMetrics } from "../../packages/server/src/platform/telemetry/metrics.ts";

const deploy = join(import.meta.dirname, "..", "..", "deploy");
const has = (program: string): boolean => spawnSync(program, ["--version"]).status === 0;
const key = transportKey();

describe.skipIf(!has("nats-server"))("NATS with the shipped configuration (skipped without nats-server)", () => {
  // A hexadecimal password can look like a number.
  const passwords = { GATEWAY: "8e12", QUERY: "1234", COMMAND: "3k", WORKER: "w" };
  let server: ChildProcess;
  let conf: string;
  let port: number;
  const opened: Rpc[] = [];
  const as = async (role: string): Promise<Rpc> => {
    const password = passwords[role.toUpperCase() as keyof typeof passwords];
    const rpc = await natsRpc(`nats://${role}:${password}@127.0.0.1:${port}`, silent, {
      name: role,
      prefix: "gatehouse",
      ...ownMessages([key]),
    });
    opened.push(rpc);
    return rpc;
  };
  beforeAll(async () => {
    port = await freePort();
    conf = join(tmpdir(), `gatehouse-nats-${process.pid}.conf`);
    const text = readFileSync(join(deploy, "nats/nats.conf"), "utf8");
    writeFileSync(conf, text.replace("0.0.0.0:4222", `127.0.0.1:${port}`).replace(/^http: .*$/m, ""));
    const environment = Object.fromEntries(Object.entries(passwords).map(([role, value]) => [`NATS_${role}_PASSWORD`, `"${value}"`]));
    server = spawn("nats-server", ["-c", conf], { env: { PATH: process.env["PATH"], ...environment }, stdio: "ignore" });
    // Waits until it listens.
    while (
      await as("worker").then(
        () => false,
        () => true,
      )
    )
      await new Promise((resolve) => setTimeout(resolve, 50));
  }, 30_000);
  afterAll(async () => {
    for (const rpc of opened.toReversed()) await rpc.close();
    const ended = once(server, "exit");
    server.kill("SIGTERM");
    await ended;
    rmSync(conf, { force: true });
  });

  it("NATS rejects connections without a password", async () => {
    await expect(connect({ servers: `127.0.0.1:${port}`, maxReconnectAttempts: 0 })).rejects.toThrow(/authorization/i);
  });

  it("NATS permits the roles to call, to answer for as long as it takes, and to announce commits", async () => {
    const [gateway, query, command, worker] = [await as("gateway"), await as("query"), await as("command"), await as("worker")];
    const body = Buffer.from("{}");
    await query.serve("rpc.query.>", "query", async () => {
      // Longer than a heartbeat interval.
      await new Promise((resolve) => setTimeout(resolve, 1_200));
      return { body: Buffer.from("of query"), headers: {} };
    });
    await command.serve("rpc.command.>", "command", () => ({ body: Buffer.from("of command"), headers: {} }));
    const ask = async (subject: string) => Buffer.from((await gateway.request(subject, body, { timeoutMs: 10_000 })).body).toString();
    expect([await ask("rpc.query.a.b"), await ask("rpc.command.a.b")]).toEqual(["of query", "of command"]);
    let announced = 0;
    for (const rpc of [query, command, worker])
      await rpc.listen("log.appended", () => {
        announced += 1;
      });
    worker.notify("log.appended");
    command.notify("log.appended");
    await expect.poll(() => announced, { timeout: 5_000 }).toBe(6);
  });

  it.each([
    ["worker", "subscribe", "gatehouse.rpc.command.authentication.login"],
    ["query", "subscribe", "gatehouse.rpc.command.>"],
    ["gateway", "subscribe", "gatehouse.rpc.query.>"],
    ["command", "subscribe", "_INBOX.>"],
    ["query", "publish", "_INBOX.x.1"],
    ["worker", "publish", "gatehouse.rpc.command.identity.updateMe"],
    ["gateway", "publish", "gatehouse.log.appended"],
  ] as const)("does not let the %s %s %s", async (role, how, subject) => {
    const pass = passwords[role.toUpperCase() as keyof typeof passwords];
    const connection = await connect({ servers: `127.0.0.1:${port}`, user: role, pass, maxReconnectAttempts: 0 });
    const refused = Promise.withResolvers<string>();
    void (async () => {
      for await (const status of connection.status()) if (status.type === "error") refused.resolve(String(status.error));
    })();
    if (how === "subscribe") connection.subscribe(subject, { callback: () => {} });
    else connection.publish(subject, "{}");
    await connection.flush();
    expect(await refused.promise).toMatch(/permissions violation/i);
    await connection.close();
  });
});

describe.skipIf(!has("redis-server"))("Redis with the shipped command line (skipped without redis-server)", () => {
  let server: ChildProcess;
  let port: number;
  beforeAll(async () => {
    port = await freePort();
    server = spawn("sh", [join(deploy, "redis/start.sh"), "--port", String(port), "--bind", "127.0.0.1"], {
      env: { PATH: process.env["PATH"], REDIS_PASSWORD: "8e12", REDIS_CONF: join(deploy, "redis/redis.conf") },
      stdio: "ignore",
    });
    const probe = new Redis(port, { password: "8e12", retryStrategy: () => 50 });
    probe.on("error", () => {});
    await probe.ping();
    probe.disconnect();
  }, 30_000);
  afterAll(async () => {
    const ended = once(server, "exit");
    server.kill("SIGTERM");
    await ended;
  });

  it("Redis rejects connections without the password, and administrative commands of the roles", async () => {
    const outside = new Redis(port, { retryStrategy: () => null });
    outside.on("error", () => {});
    await expect(outside.get("a")).rejects.toThrow(/NOAUTH/);
    outside.disconnect();
    const inside = new Redis(port, { password: "8e12" });
    for (const command of [["config", "get", "*"], ["flushall"], ["keys", "*"], ["shutdown", "nosave"], ["acl", "list"]] as const)
      await expect(inside.call(...(command as unknown as [string]))).rejects.toThrow(/NOPERM/);
    inside.disconnect();
  });

  it("Redis permits the roles to store snapshots, limits and reports", async () => {
    const connection = await connectRedis({ form: "single", url: `redis://:8e12@127.0.0.1:${port}`, tls: false }, silent);
    const resilience = createResilience(createMetrics());
    const trust = { authenticator: authenticator([key]), distrusted: (kind: string, why: string) => expect.fail(`${kind} ${why}`) };
    const cache = redisSnapshotCache(connection, resilience, trust);
    await cache.write([{ key: "a", value: "of a", version: 1n, ttlSeconds: 60 }], { after: 0, to: 1 });
    expect((await cache.read(["a"])).entries[0]?.value).toBe("of a");
    const limits = redisLimits(connection, resilience, { without: "refuse", authenticator: trust.authenticator });
    expect([
      await limits.take("name", "key", { points: 1, seconds: 60 }),
      await limits.peek("name", "key", { points: 1, seconds: 60 }),
    ]).toEqual([0, expect.any(Number)]);
    const detector = redisPeerDetector(connection, resilience, 60, trust);
    await detector.report([]);
    expect(await detector.query(1_000)).toEqual({ observed: true, events: [] });
    await cache.close();
  });
});
