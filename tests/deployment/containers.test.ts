import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { variables } from "../../packages/server/src/runtime/variables.ts";
import type { AnyBody } from "../../packages/server/src/testing/server.ts";

const root = join(import.meta.dirname, "..", "..");
const compose: AnyBody = parse(readFileSync(join(root, "deploy/compose.yaml"), "utf8"), { merge: true });
const services: readonly (readonly [string, AnyBody])[] = Object.entries(compose.services);
const ours = services.filter(([, { image }]) => image.startsWith("gatehouse:"));
const known = new Map(variables.map((variable) => [variable.name, variable]));

describe("the compose file", () => {
  it("starts each role, told its role, after what it needs, in the order of S3 §22.2", () => {
    const roles = ours.filter(([name]) => name !== "migrate");
    expect(roles.map(([name]) => name)).toEqual(["worker", "command", "query", "gateway"]);
    for (const [name, { environment }] of roles) expect(environment.GATEHOUSE_ROLE).toBe(name);
    const waitsFor = (name: string) => Object.keys(compose.services[name].depends_on);
    expect([waitsFor("worker")[0], ...waitsFor("command"), ...waitsFor("query"), ...waitsFor("gateway")]).toEqual([
      "migrate",
      "worker",
      "command",
      "query",
    ]);
    for (const [, { depends_on = {} }] of services) {
      for (const name of Array.isArray(depends_on) ? depends_on : Object.keys(depends_on)) expect(compose.services).toHaveProperty(name);
    }
  });

  it("waits only for what has a health check", () => {
    for (const [name, { depends_on = {} }] of services.filter(([, { depends_on }]) => !Array.isArray(depends_on))) {
      for (const [other, { condition }] of Object.entries(depends_on) as [string, AnyBody][]) {
        const checked = compose.services[other].healthcheck !== undefined || ours.some(([own]) => own === other);
        if (condition === "service_healthy") expect(checked, `${name} waits for ${other}`).toBe(true);
      }
    }
  });

  it("names no variable that the product does not have, and shows no secret", () => {
    for (const [name, { environment }] of ours) {
      for (const [variable, value] of Object.entries(environment) as [string, string][]) {
        expect(known.has(variable), `${name}: ${variable}`).toBe(true);
        // A password in an address inside of the set is the set's own; others come from outside.
        if (variable.startsWith("GATEHOUSE_MASTER") || variable === "SMTP_URL") expect(value).toMatch(/^\$\{/);
      }
    }
    expect(compose.services.gateway.environment).not.toHaveProperty("DATABASE_URL");
    expect(compose.services.gateway.environment).not.toHaveProperty("GATEHOUSE_MASTER_KEY");
  });

  it("gives our containers nothing that they do not need, and opens ports on this machine alone", () => {
    for (const [name, service] of ours) {
      expect(service, name).toMatchObject({ read_only: true, cap_drop: ["ALL"], security_opt: ["no-new-privileges:true"] });
    }
    for (const [name, { ports = [] }] of services) for (const port of ports) expect(port, name).toMatch(/^127\.0\.0\.1:/);
  });

  it("connects as a login that owns its database and nothing else, which the database makes at its first start", () => {
    const urls = ours.flatMap(([, { environment }]) => environment.DATABASE_URL ?? []);
    expect(urls.length).toBeGreaterThan(0);
    for (const url of urls)
      expect(url).toMatch(/^postgres:\/\/gatehouse:\$\{GATEHOUSE_DATABASE_PASSWORD:\?.+\}@postgresql:5432\/gatehouse$/);
    expect(compose.services.postgresql.volumes).toContain("./postgresql/login.sh:/docker-entrypoint-initdb.d/login.sh:ro");
    expect(compose.services.postgresql.environment).toHaveProperty("GATEHOUSE_DATABASE_PASSWORD");
  });

  it("mounts files that exist", () => {
    const mounted = services.flatMap(([, { volumes = [] }]) => volumes as string[]).filter((volume) => volume.startsWith("./"));
    expect(mounted.length).toBeGreaterThan(0);
    for (const volume of mounted) expect(existsSync(join(root, "deploy", volume.split(":")[0] as string)), volume).toBe(true);
  });
});

describe("the image", () => {
  const lines = readFileSync(join(root, "deploy/Dockerfile"), "utf8");

  it("copies what exists, starts the command line, and is nobody's root", () => {
    for (const [, from] of lines.matchAll(/^COPY (?!--from)(.+) \S+$/gm)) {
      for (const path of (from as string).split(" ")) expect(existsSync(join(root, path)), path).toBe(true);
    }
    const entry = JSON.parse(/^ENTRYPOINT (.+)$/m.exec(lines)?.[1] as string) as string[];
    expect(existsSync(join(root, entry[1] as string))).toBe(true);
    expect(lines).toMatch(/^USER 1000:1000$/m);
    expect(lines).toContain("fetch('http://127.0.0.1:9090/health')");
  });

  it("sets variables that the product has", () => {
    const set = [...(/^ENV (.+)$/m.exec(lines)?.[1] ?? "").matchAll(/(\w+)=/g)].map(([, name]) => name as string);
    for (const name of set.filter((each) => each !== "NODE_ENV")) expect(known.has(name), name).toBe(true);
  });

  it("has the manifest of every package that it installs", () => {
    const packages = globSync("packages/*/package.json", { cwd: root });
    for (const manifest of packages) expect(lines, manifest).toContain(`COPY ${manifest} `);
  });
});
