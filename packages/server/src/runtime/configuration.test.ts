import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { describe, expect, it } from "vitest";
import { ConfigurationError, readConfiguration } from "./configuration.ts";
import { variables } from "./variables.ts";

/** The problems of an environment, one line a variable; empty for a valid one. */
function problemsOf(environment: Readonly<Record<string, string>>): readonly string[] {
  try {
    readConfiguration(environment);
    return [];
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as ConfigurationError).problems;
  }
}
const key = Buffer.alloc(32, 7).toString("base64");
const reachable = {
  HOST: "0.0.0.0",
  DATABASE_URL: "postgres://app:password@db/gatehouse",
  GATEHOUSE_MASTER_KEY: key,
  SMTP_URL: "smtp://mail",
  PUBLIC_URL: "https://id.example.com",
  TRUST_PROXY: "true",
};

describe("the configuration", () => {
  it("without settings is a start for this machine only, with the defaults of docs/contract.md", () => {
    expect(readConfiguration({})).toMatchObject({
      host: "127.0.0.1",
      port: 8080,
      dataDir: "./data",
      databaseUrl: undefined,
      smtpUrl: undefined,
      masterKey: undefined,
      trustProxy: { kind: "none" },
      logLevel: "info",
      administrator: undefined,
      settings: { publicUrl: "http://127.0.0.1:8080", passwordHash: "argon2id", knownAddress: "conceal", signInLimit: "on" },
    });
    expect(readConfiguration({ PORT: "" }).port).toBe(8080);
    expect(readConfiguration({ PORT: "0", HOST: "::1" }).settings.publicUrl).toBe("http://[::1]:0");
    expect(readConfiguration({ PUBLIC_URL: "http://localhost:3000/" }).settings.publicUrl).toBe("http://localhost:3000");
  });

  const wrong: readonly [string, string][] = [
    ["PORT", "70000"],
    ["PORT", "-1"],
    ["PORT", "80a"],
    ["HOST", "example.com"],
    ["GATEHOUSE_ROLE", "everything"],
    ["DATABASE_URL", "mysql://user:hunter2@db/x"],
    ["DATABASE_URL", "hunter2"],
    ["REDIS_URL", "redis://:hunter2@/cache"],
    ["EVENTS_URL", "redis://user:hunter2@broker"],
    ["EVENTS_URL", "kafka://user:hunter2@broker?mechanism=PLAIN"],
    ["EVENTS_URL", "kafkas://user:hunter2@broker?mechanism=GSSAPI"],
    ["EVENTS_URL", "kafkas://hunter2@broker"],
    ["EVENTS_KAFKA_CA_FILE", "/no/such/file.pem"],
    ["SMTP_URL", "http://user:hunter2@mail"],
    ["PUBLIC_URL", "https://id.example.com/path"],
    ["PUBLIC_URL", "ftp://id.example.com"],
    ["PUBLIC_URL", "id.example.com"],
    ["TRUST_PROXY", "yes"],
    ["TRUST_PROXY", "TRUE"],
    ["TRUST_PROXY", "constructor"],
    ["GATEHOUSE_ADMIN_EMAIL", "not an address"],
    ["GATEHOUSE_ADMIN_PASSWORD", "hunter2"],
    ["GATEHOUSE_MASTER_KEY", "hunter2"],
    ["GATEHOUSE_MASTER_KEY", Buffer.alloc(31).toString("base64")],
    ["PASSWORD_HASH", "md5"],
    ["KNOWN_ADDRESS", "hide"],
    ["SESSION_IDLE_SECONDS", "59"],
    ["SESSION_IDLE_SECONDS", "1e3"],
    ["SESSION_ABSOLUTE_SECONDS", "0"],
    ["VERIFY_EMAIL_SECONDS", "-60"],
    ["RESET_PASSWORD_SECONDS", "86401"],
    ["INVITATION_SECONDS", "soon"],
    ["GATEHOUSE_SIGN_IN_LIMIT", "no"],
    ["OPERATIONS_PORT", "0"],
    ["LOG_LEVEL", "loud"],
  ];
  it.each(wrong)("with %s=%s is refused with the variable's name, its value and what it takes; a secret is not shown", (name, value) => {
    const problems = problemsOf({ [name]: value });
    expect(problems).toHaveLength(1);
    const variable = variables.find((one) => one.name === name);
    expect(problems[0]).toContain(name);
    expect(problems[0]).toContain(`it takes ${variable?.takes}`);
    if (variable?.secret) expect(problems[0]).not.toContain(value);
    else expect(problems[0]).toContain(JSON.stringify(value));
    expect(problems[0]).not.toContain("hunter2");
  });

  it("reports every problem at once", () => {
    expect(problemsOf({ PORT: "x", LOG_LEVEL: "loud", PASSWORD_HASH: "md5" })).toHaveLength(3);
  });

  it("requires the first administrator's address and password together", () => {
    const both = { GATEHOUSE_ADMIN_EMAIL: "ada@example.com", GATEHOUSE_ADMIN_PASSWORD: "a quiet green harbour" };
    expect(readConfiguration(both).administrator).toEqual({ email: "ada@example.com", password: "a quiet green harbour" });
    for (const name of Object.keys(both)) expect(problemsOf({ ...both, [name]: "" })).toEqual([expect.stringContaining("set together")]);
  });

  it("is read from a file, too, and the environment takes precedence", () => {
    const folder = mkdtempSync(join(tmpdir(), "gatehouse-configuration-"));
    const file = join(folder, "gatehouse.env");
    writeFileSync(file, "PORT=9000\nLOG_LEVEL=warn\n# a comment\n");
    expect(readConfiguration({ GATEHOUSE_CONFIG: file, PORT: "9001" })).toMatchObject({ port: 9001, logLevel: "warn" });
    const missing = join(folder, "missing.env");
    expect(problemsOf({ GATEHOUSE_CONFIG: missing })).toEqual([expect.stringContaining(`GATEHOUSE_CONFIG is ${missing}`)]);
    rmSync(folder, { recursive: true });
  });

  it("accepts an authority for Kafka's certificates only where TLS is used", () => {
    const folder = mkdtempSync(join(tmpdir(), "gatehouse-configuration-"));
    const file = join(folder, "ca.pem");
    writeFileSync(file, rootCertificates[0] as string);
    const url = "kafkas://user:hunter2@one:9093,two:9093?mechanism=PLAIN";
    expect(readConfiguration({ EVENTS_URL: url, EVENTS_KAFKA_CA_FILE: file })).toMatchObject({ eventsUrl: url, kafkaCaFile: file });
    for (const environment of [{}, { EVENTS_URL: "kafka://one" }, { EVENTS_URL: "amqps://rabbitmq" }]) {
      expect(problemsOf({ ...environment, EVENTS_KAFKA_CA_FILE: file })).toEqual([
        expect.stringContaining("EVENTS_KAFKA_CA_FILE is set, and EVENTS_URL does not begin with kafkas://"),
      ]);
    }
    writeFileSync(file, "no certificate");
    expect(problemsOf({ EVENTS_URL: url, EVENTS_KAFKA_CA_FILE: file })).toHaveLength(1);
    rmSync(folder, { recursive: true });
  });

  it.each([
    [{ DATABASE_READ_URL: "postgres://replica/gatehouse" }, "DATABASE_READ_URL is set, and DATABASE_URL is not"],
    [{ BILLING_TOKEN: "secret" }, "BILLING_TOKEN is set, and BILLING_URL is not"],
    [
      { EVENTS_KAFKA_ALIASES: "true", EVENTS_URL: "amqp://broker" },
      "EVENTS_KAFKA_ALIASES is set, and EVENTS_URL does not begin with kafka",
    ],
  ])("%o is refused, because it would be relied on", (environment, problem) => {
    expect(problemsOf(environment as never)).toEqual([expect.stringContaining(problem)]);
  });

  it.each([
    [{ DATABASE_POOL: "20" }, "DATABASE_POOL is set, and DATABASE_URL is not"],
    [{ NATS_PREFIX: "one" }, "NATS_PREFIX is set, and NATS_URL is not"],
    [{ GATEHOUSE_LIMITS_WITHOUT_REDIS: "refuse" }, "GATEHOUSE_LIMITS_WITHOUT_REDIS is set, and REDIS_URL is not"],
    [{ GATEHOUSE_AUDIT_FORWARD: "on" }, "GATEHOUSE_AUDIT_FORWARD is set, and EVENTS_URL is not"],
    [{ OTEL_TRACES_SAMPLER_ARG: "0.5" }, "OTEL_TRACES_SAMPLER_ARG is set, and OTEL_EXPORTER_OTLP_ENDPOINT is not"],
    [{ SESSION_IDLE_SECONDS: "86400", SESSION_ABSOLUTE_SECONDS: "3600" }, "SESSION_IDLE_SECONDS is 86400, above SESSION_ABSOLUTE_SECONDS"],
    [{ GATEHOUSE_AUDIT_DAY: "30" }, "GATEHOUSE_AUDIT_DAY is set, and there is no such setting; GATEHOUSE_AUDIT_DAYS is one."],
    [{ GATEHOUSE_TELEPORT: "on" }, "GATEHOUSE_TELEPORT is set, and there is no such setting."],
  ])("%o is accepted with a warning that it has no effect", (environment, sentence) => {
    expect(readConfiguration(environment as never).ignored).toEqual([expect.stringContaining(sentence)]);
  });

  it("has no warning for settings that have an effect, or for an explicit default", () => {
    const redis = { REDIS_URL: "redis://cache", GATEHOUSE_LIMITS_WITHOUT_REDIS: "refuse" };
    for (const environment of [redis, { NATS_PREFIX: "gatehouse" }, { EVENTS_KAFKA_ALIASES: "false" }, {}])
      expect(readConfiguration(environment).ignored).toEqual([]);
  });

  it("for remote callers is accepted with a database, a key, mail and HTTPS behind a proxy", () => {
    expect(readConfiguration(reachable).host).toBe("0.0.0.0");
  });

  it.each([
    ["DATABASE_URL", undefined],
    ["GATEHOUSE_MASTER_KEY", undefined],
    ["SMTP_URL", undefined],
    ["PUBLIC_URL", "http://id.example.com"],
    ["PUBLIC_URL", undefined],
    ["TRUST_PROXY", "false"],
    ["GATEHOUSE_SIGN_IN_LIMIT", "off"],
  ])("for remote callers is refused where %s is %s", (name, value) => {
    const { [name as "HOST"]: _, ...others } = reachable;
    const problems = problemsOf({ ...others, ...(value === undefined ? {} : { [name]: value }) });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain("HOST is 0.0.0.0, which others can reach");
    expect(problems[0]).toContain(name);
    expect(problems[0]).not.toContain(key);
    expect(problems[0]).not.toContain("password@");
  });

  it.each(["127.0.0.1", "127.1.2.3", "::1", "localhost"])("on %s is for this machine only", (host) => {
    expect(problemsOf({ HOST: host })).toEqual([]);
  });
});
