import { hostname } from "node:os";
import { describe, expect, it } from "vitest";
import { createLogger } from "./logger.ts";

const session = "ghs_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

function logging(level = "trace") {
  const lines: string[] = [];
  const logger = createLogger({
    level,
    version: "1.2.3",
    environment: "test",
    roles: "query,worker",
    destination: { write: (line) => void lines.push(line) },
  });
  return { logger, lines, entries: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

const metadata = {
  service: "iam",
  version: "1.2.3",
  environment: "test",
  roles: "query,worker",
  host: hostname(),
  process: process.pid,
};

describe("a log line", () => {
  it("has its documented form", () => {
    const { logger, entries } = logging();
    logger.info(
      {
        module: "command",
        traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
        userId: "user_123",
        organizationId: "org_456",
        ipAddress: "192.168.1.1",
        userAgent: "Mozilla/5.0",
      },
      "User login successful",
    );
    expect(entries()).toEqual([
      {
        timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        level: "INFO",
        module: "command",
        traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
        message: "User login successful",
        context: { userId: "user_123", organizationId: "org_456", ipAddress: "192.168.1.1", userAgent: "Mozilla/5.0" },
        metadata,
      },
    ]);
  });

  it("has the time at which it was written", () => {
    const { logger, entries } = logging();
    const before = Date.now();
    logger.info("now");
    const at = Date.parse(entries()[0]?.["timestamp"] as string);
    expect(at).toBeGreaterThanOrEqual(before);
    expect(at).toBeLessThanOrEqual(Date.now());
  });

  it.each([
    ["trace", "TRACE"],
    ["debug", "DEBUG"],
    ["info", "INFO"],
    ["warn", "WARN"],
    ["error", "ERROR"],
    ["fatal", "FATAL"],
  ] as const)("names the level of %s in capitals: %s", (method, level) => {
    const { logger, entries } = logging();
    logger[method]("said");
    expect(entries()).toEqual([{ timestamp: expect.any(String), level, module: "background", message: "said", metadata }]);
  });

  it("is written from its level on, not below", () => {
    const { logger, entries } = logging("warn");
    logger.info("not this");
    logger.warn("this");
    expect(entries().map((entry) => entry["message"])).toEqual(["this"]);
  });

  it("is one line of JSON without duplicate names", () => {
    const { logger, lines } = logging();
    logger.info({ module: "query", text: "one\ntwo" }, "three\nfour");
    logger.child({ module: "command" }).info({ a: 1 }, "of a child");
    logger.child({ module: "command" }).info({ module: "query" }, "of a child with a word of its own");
    logger.child({ module: "relay", peer: "one" }).child({ module: "broker", peer: "two" }).info({ peer: "three" }, "of a child's child");
    for (const line of lines) {
      expect(line.match(/\n/g)).toHaveLength(1);
      const names = [...line.matchAll(/"(timestamp|level|module|message|context|metadata|peer)":/g)].map(([, name]) => name);
      expect(new Set(names).size).toBe(names.length);
    }
    expect(lines.map((line) => JSON.parse(line).module)).toEqual(["query", "command", "query", "broker"]);
    expect(JSON.parse(lines[3] as string).context).toEqual({ peer: "three" });
  });

  it("has a field with the name of a reserved one in the context", () => {
    const { logger, entries } = logging();
    logger.info(
      { message: "forged", level: "FATAL", timestamp: "1970", metadata: { service: "other" }, context: { a: 1 } },
      "the real one",
    );
    expect(entries()[0]).toMatchObject({
      level: "INFO",
      message: "the real one",
      metadata,
      context: { message: "forged", level: "FATAL", timestamp: "1970", context: { a: 1 } },
    });
  });

  it("has an error's type, message, stack, code and causes", () => {
    const { logger, entries } = logging();
    const error = Object.assign(new Error("outer", { cause: new Error("inner") }), { code: "E1" });
    logger.error({ err: error, traceId: "t" }, "a request failed");
    expect(entries()[0]).toMatchObject({
      level: "ERROR",
      traceId: "t",
      message: "a request failed",
      error: { type: "Error", message: "outer", code: "E1", stack: expect.stringContaining("logger.test.ts"), cause: { message: "inner" } },
    });
    expect(entries()[0]).not.toHaveProperty("err");
  });

  it("has the error's message if none is given", () => {
    const { logger, entries } = logging();
    logger.error(new Error("alone"));
    logger.error({ err: new Error("in a field") });
    expect(entries()).toMatchObject([
      { message: "alone", error: { message: "alone" } },
      { message: "in a field", error: { message: "in a field" } },
    ]);
  });

  it.each<[string, (logger: ReturnType<typeof logging>["logger"]) => void]>([
    ["in the message", (logger) => logger.info(`token ${session} of ada@example.com`)],
    ["in the message with fields", (logger) => logger.info({ a: 1 }, `token ${session} of ada@example.com`)],
    ["in what is put into the message", (logger) => logger.info("token %s of %s, %s", session, "ada@example.com", "last")],
    ["in an object that is put into the message", (logger) => logger.info("%j and %o", { password: session }, { to: "ada@example.com" })],
    ["in a field", (logger) => logger.info({ password: "ada@example.com", note: session }, "said")],
    ["in a field with a message", (logger) => logger.info({ module: session, traceId: "ada@example.com" }, "said")],
    ["in an error", (logger) => logger.error({ err: new Error(`${session} ada@example.com`) }, "failed")],
    ["in an error that is the message", (logger) => logger.error(new Error(`${session} ada@example.com`))],
    ["in an error of a field that is the message", (logger) => logger.error({ err: new Error(`${session} ada@example.com`) })],
    [
      "in an error's cause",
      (logger) => logger.error({ err: new Error("failed", { cause: new Error(`${session} ada@example.com`) }) }, "failed"),
    ],
    ["in what a child is given", (logger) => logger.child({ module: "command", token: session, to: "ada@example.com" }).info("said")],
    ["in what a child's child is given", (logger) => logger.child({}).child({ note: session, to: "ada@example.com" }).info("said")],
    ["in a message that is no text", (logger) => logger.info({ a: 1 }, { note: session } as unknown as string)],
  ])("contains no secret and no address, not even %s", (_where, log) => {
    const { logger, lines } = logging();
    log(logger);
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toContain(session);
    expect(lines[0]).not.toContain("ada@example.com");
  });

  it("is written for any argument: none, null, a number, a cyclic object", () => {
    const { logger, entries } = logging();
    const circle: Record<string, unknown> = {};
    circle["self"] = circle;
    const log = logger.info.bind(logger) as (...args: unknown[]) => void;
    for (const args of [[], [null], [undefined, "said"], [{ circle }, "said"], [{ big: 10n }, "said"], ["%d of %i", 1, 2]]) log(...args);
    expect(entries()).toHaveLength(6);
    for (const entry of entries()) expect(entry).toMatchObject({ level: "INFO", metadata });
  });
});
