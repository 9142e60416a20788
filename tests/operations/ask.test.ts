import { execFile, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { newPerson } from "@gatehouse/testing/people.ts";
import { startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { metricNames } from "../../deploy/grafana/source/names.ts";
import { type Prometheus, prometheusInstalled, startPrometheus } from "./support/prometheus.ts";
import { prometheusFolder } from "./support/rules.ts";

const program = join(import.meta.dirname, "..", "..", "deploy", "grafana", "ask.ts");

function ask(...args: readonly string[]): Promise<{ readonly code: number; readonly output: string }> {
  const { promise, resolve } = Promise.withResolvers<{ readonly code: number; readonly output: string }>();
  const child = execFile(process.execPath, [program, ...args], (_error, stdout, stderr) =>
    resolve({ code: child.exitCode ?? -1, output: stdout + stderr }),
  );
  return promise;
}

describe("deploy/grafana/ask.ts", () => {
  it("ask.ts prints its usage, and reports a Prometheus that does not answer", async () => {
    expect(await ask()).toMatchObject({ code: 64, output: expect.stringContaining("<address of Prometheus>") });
    expect(await ask("prometheus")).toMatchObject({ code: 64 });
    const unreachable = await ask("http://127.0.0.1:9");
    expect(unreachable).toMatchObject({ code: 69, output: expect.stringContaining("does not answer at http://127.0.0.1:9") });
  });

  it("ask.ts finds the metrics that an expression names", () => {
    expect(metricNames('sum(rate(gatehouse_sign_ins_total{result="ok"}[15m])) / 2 > process_open_fds and up == 1')).toEqual([
      "gatehouse_sign_ins_total",
      "process_open_fds",
    ]);
  });
});

describe("the configuration for one machine", () => {
  const configuration = parse(readFileSync(join(prometheusFolder, "one-machine.yml"), "utf8"));

  it("the configuration for one machine scrapes the ports of npm run stack by role and loads every alert", () => {
    const found = configuration.scrape_configs[0].static_configs.map(
      ({ targets, labels }: { targets: string[]; labels: { component: string } }) => [labels.component, ...targets],
    );
    // The gateway has the set's port, the others the following ones in start order: one worker, two commands, two queries.
    expect(found).toEqual([
      ["worker", "127.0.0.1:8081"],
      ["command", "127.0.0.1:8082", "127.0.0.1:8083"],
      ["query", "127.0.0.1:8084", "127.0.0.1:8085"],
      ["gateway", "127.0.0.1:8080"],
    ]);
    expect(configuration.scrape_configs[0].job_name).toBe("gatehouse");
    expect(configuration.rule_files).toEqual(expect.arrayContaining(["recording-rules.yml", "alerts/*.yml"]));
  });

  it.skipIf(spawnSync("promtool", ["--version"]).status !== 0)(
    "promtool accepts the configuration for one machine (skipped: promtool is not installed)",
    () => {
      expect(spawnSync("promtool", ["check", "config", "one-machine.yml"], { cwd: prometheusFolder, encoding: "utf8" }).status).toBe(0);
    },
  );
});

// Prometheus is a program of its own.
describe.skipIf(!prometheusInstalled())(
  "ask.ts with a Prometheus that scrapes a running server (skipped: prometheus is not installed)",
  () => {
    let server: TestServer;
    let prometheus: Prometheus;
    beforeAll(async () => {
      server = await startTestServer({ GATEHOUSE_SIGN_IN_LIMIT: "off" });
      prometheus = await startPrometheus(new URL(await server.http.listen({ host: "127.0.0.1", port: 0 })).host);
    });
    afterAll(async () => {
      await prometheus?.close();
      await server?.close();
    });

    it("ask.ts reports that every expression parses, and which have data", async () => {
      // Each call starts a program, and a rate needs two scrapes with a sign-in in between.
      const look = async (): Promise<string> => {
        await newPerson(server);
        const { code, output } = await ask(prometheus.url, "--all");
        return `${code} ${output}`;
      };
      await expect
        .poll(look, { timeout: 60_000, interval: 500 })
        .toMatch(/^0 1 of 1 processes are scraped$[\s\S]*^ +\d+ +Gatehouse: Business, Sign-ins/m);
      const output = await look();
      expect(output).not.toMatch(/^ {2}refused/m);
      expect(output).toMatch(/^ {2}nothing {2}Gatehouse: Background, Subscriptions synchronized/m);
      expect(output).toMatch(/^ {2}nothing {2}GatehouseBillingDifferences: no process exports gatehouse_billing_differences_total$/m);
    }, 120_000);
  },
);
