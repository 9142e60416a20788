import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { AnyBody } from "@gatehouse/testing/server.ts";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { variables } from "../../packages/server/src/runtime/variables.ts";

const root = join(import.meta.dirname, "..", "..");
const compose: AnyBody = parse(readFileSync(join(root, "deploy/compose.yaml"), "utf8"), { merge: true });
const services: readonly (readonly [string, AnyBody])[] = Object.entries(compose.services);
const ours = services.filter(([, { image }]) => image.startsWith("gatehouse:"));
const known = new Map(variables.map((variable) => [variable.name, variable]));

describe("the compose file", () => {
  it("the compose file starts each role with its role variable, after its dependencies", () => {
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

  it("services wait only for dependencies that have a health check", () => {
    for (const [name, { depends_on = {} }] of services.filter(([, { depends_on }]) => !Array.isArray(depends_on))) {
      for (const [other, { condition }] of Object.entries(depends_on) as [string, AnyBody][]) {
        const checked = compose.services[other].healthcheck !== undefined || ours.some(([own]) => own === other);
        if (condition === "service_healthy") expect(checked, `${name} waits for ${other}`).toBe(true);
      }
    }
  });

  it("the compose file sets only variables of the product and shows no secret", () => {
    for (const [name, { environment }] of ours) {
      for (const [variable, value] of Object.entries(environment) as [string, string][]) {
        expect(known.has(variable), `${name}: ${variable}`).toBe(true);
        // Passwords in internal addresses belong to the set; others come from outside.
        if (variable.startsWith("GATEHOUSE_MASTER") || variable === "SMTP_URL") expect(value).toMatch(/^\$\{/);
      }
    }
    for (const [name, { environment = {} }] of services) {
      for (const [variable, value] of Object.entries(environment) as [string, string][])
        if (/PASSWORD|AUTH$|_PASS$|_KEY$|TOKEN/.test(variable)) expect(value, `${name}: ${variable}`).toMatch(/^"?\$\{/);
    }
    expect(compose.services.gateway.environment).not.toHaveProperty("DATABASE_URL");
    expect(compose.services.gateway.environment).not.toHaveProperty("GATEHOUSE_MASTER_KEY");
  });

  it("containers of the product have least privilege, and ports are published on loopback only", () => {
    for (const [name, service] of ours) {
      expect(service, name).toMatchObject({ read_only: true, cap_drop: ["ALL"], security_opt: ["no-new-privileges:true"] });
    }
    for (const [name, { ports = [] }] of services) for (const port of ports) expect(port, name).toMatch(/^127\.0\.0\.1:/);
  });

  it("the roles connect as a login that owns only its database, which the first start of the database creates", () => {
    const urls = ours.flatMap(([, { environment }]) => environment.DATABASE_URL ?? []);
    expect(urls.length).toBeGreaterThan(0);
    for (const url of urls)
      expect(url).toMatch(/^postgres:\/\/gatehouse:\$\{GATEHOUSE_DATABASE_PASSWORD:\?.+\}@postgresql:5432\/gatehouse$/);
    expect(compose.services.postgresql.volumes).toContain("./postgresql/login.sh:/docker-entrypoint-initdb.d/login.sh:ro");
    expect(compose.services.postgresql.environment).toHaveProperty("GATEHOUSE_DATABASE_PASSWORD");
  });

  it("each role authenticates to every service with a password from outside, and to NATS as its role", () => {
    for (const [name, { environment }] of ours.filter(([name]) => name !== "migrate")) {
      expect(environment.NATS_URL).toMatch(new RegExp(`^nats://${name}:\\$\\{NATS_${name.toUpperCase()}_PASSWORD:\\?.+\\}@nats:4222$`));
      if (name !== "gateway") expect(environment.REDIS_URL).toMatch(/^redis:\/\/:\$\{REDIS_PASSWORD:\?.+\}@redis:6379$/);
    }
    expect(compose.services.worker.environment.EVENTS_URL).toMatch(/^amqp:\/\/gatehouse:\$\{RABBITMQ_PASSWORD:\?.+\}@rabbitmq:5672$/);
    for (const [, { environment }] of ours.filter(([name]) => name !== "migrate"))
      expect(environment.GATEHOUSE_TRANSPORT_KEY).toMatch(/^\$\{GATEHOUSE_TRANSPORT_KEY:\?/);
  });

  it("each role reaches only the services that it uses, and service networks have no way out", () => {
    const reach = (network: string) => ours.filter(([, { networks }]) => networks.includes(network)).map(([name]) => name);
    expect({
      postgresql: [compose.services.postgresql.networks, reach("database")],
      redis: [compose.services.redis.networks, reach("cache")],
      nats: [compose.services.nats.networks, reach("calls")],
      rabbitmq: [compose.services.rabbitmq.networks, reach("broker")],
    }).toEqual({
      postgresql: [["database"], ["migrate", "worker", "command", "query"]],
      redis: [["cache"], ["worker", "command", "query"]],
      nats: [["calls"], ["worker", "command", "query", "gateway"]],
      rabbitmq: [["broker"], ["worker"]],
    });
    for (const [name, { networks }] of services) expect(networks, name).toBeDefined();
    for (const name of ["database", "cache", "calls", "broker"]) expect(compose.networks[name].internal, name).toBe(true);
  });

  it("the compose file passes the variables of billing and traces on", () => {
    const handed = (name: string, prefix: string) =>
      Object.entries(compose.services[name].environment).filter(([variable]) => variable.startsWith(prefix));
    const named = (prefix: string) => variables.map(({ name }) => name).filter((name) => name.startsWith(prefix));
    for (const name of ["worker", "command", "query"]) {
      expect(
        handed(name, "BILLING_")
          .map(([variable]) => variable)
          .sort(),
      ).toEqual(named("BILLING_").sort());
    }
    for (const [name] of ours.filter(([name]) => name !== "migrate")) {
      expect(
        handed(name, "OTEL_")
          .map(([variable]) => variable)
          .sort(),
      ).toEqual(named("OTEL_").sort());
      for (const [variable, value] of handed(name, "OTEL_")) expect(value).toBe(`\${${variable}:-}`);
    }
  });

  it("Prometheus sends alerts to Alertmanager, which mails, posts to Slack, and pages for critical ones", () => {
    const read = (path: string): AnyBody => parse(readFileSync(join(root, "deploy", path), "utf8"));
    const [{ static_configs }] = read("prometheus/prometheus.yml").alerting.alertmanagers;
    expect(static_configs).toEqual([{ targets: ["alertmanager:9093"] }]);
    expect(compose.services.alertmanager.volumes).toEqual(["./alertmanager:/etc/alertmanager:ro"]);
    const { route, receivers, global } = read("alertmanager/alertmanager.yml");
    const kinds = Object.fromEntries(receivers.map(({ name, ...configs }: AnyBody) => [name, Object.keys(configs).sort()] as const));
    expect(kinds).toEqual({ "on-call": ["pagerduty_configs"], "all-channels": ["email_configs", "slack_configs"] });
    expect(route.receiver).toBe("all-channels");
    expect(route.routes.map(({ receiver, matchers, continue: goesOn = false }: AnyBody) => [receiver, matchers[0], goesOn])).toEqual([
      ["on-call", 'severity="critical"', true],
      ["all-channels", 'severity=~"critical|warning"', false],
    ]);
    const files = [
      global.smtp_auth_password_file,
      ...receivers.flatMap(({ pagerduty_configs = [], slack_configs = [] }: AnyBody) =>
        [...pagerduty_configs, ...slack_configs].map(({ routing_key_file, api_url_file }: AnyBody) => routing_key_file ?? api_url_file),
      ),
    ];
    expect(files.map((file) => file.replace("/run/secrets/", "")).sort()).toEqual([...compose.services.alertmanager.secrets].sort());
    expect(Object.keys(compose.secrets).sort()).toEqual([...compose.services.alertmanager.secrets].sort());
  });

  it("Grafana's dashboards are mounted where its provisioning reads them", () => {
    const { volumes, profiles } = compose.services.grafana;
    const at = new Map((volumes as string[]).map((volume) => volume.split(":") as [string, string]).map(([from, to]) => [to, from]));
    const { providers } = parse(readFileSync(join(root, "deploy/grafana/provisioning/dashboards/gatehouse.yml"), "utf8"));
    const from = at.get(providers[0].options.path) as string;
    expect(globSync("*.json", { cwd: join(root, "deploy", from) }).length).toBeGreaterThan(5);
    expect(existsSync(join(root, "deploy", at.get("/etc/grafana/provisioning") as string, "datasources"))).toBe(true);
    expect(profiles).toEqual(["monitoring"]);
  });

  it("the compose file mounts only files that exist", () => {
    const mounted = services.flatMap(([, { volumes = [] }]) => volumes as string[]).filter((volume) => volume.startsWith("./"));
    expect(mounted.length).toBeGreaterThan(0);
    for (const volume of mounted) expect(existsSync(join(root, "deploy", volume.split(":")[0] as string)), volume).toBe(true);
  });
});

describe("the image", () => {
  const lines = readFileSync(join(root, "deploy/Dockerfile"), "utf8");

  it("the image copies existing files, starts the command line, and runs without root", () => {
    for (const [, from] of lines.matchAll(/^COPY (?!--from)(.+) \S+$/gm)) {
      for (const path of (from as string).split(" ")) expect(existsSync(join(root, path)), path).toBe(true);
    }
    const entry = JSON.parse(/^ENTRYPOINT (.+)$/m.exec(lines)?.[1] as string) as string[];
    expect(existsSync(join(root, entry[1] as string))).toBe(true);
    expect(lines).toMatch(/^USER 1000:1000$/m);
    expect(lines).toContain("fetch('http://127.0.0.1:9090/health')");
  });

  it("the image sets only variables of the product", () => {
    const set = [...(/^ENV (.+)$/m.exec(lines)?.[1] ?? "").matchAll(/(\w+)=/g)].map(([, name]) => name as string);
    for (const name of set.filter((each) => each !== "NODE_ENV")) expect(known.has(name), name).toBe(true);
  });

  it("the image has the manifest of every package that it installs", () => {
    const packages = globSync("packages/*/package.json", { cwd: root });
    for (const manifest of packages) expect(lines, manifest).toContain(`COPY ${manifest} `);
  });
});
