import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type AnyBody, startTestServer, type TestServer } from "@gatehouse/testing/server.ts";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { readConfiguration } from "../../packages/server/src/runtime/configuration.ts";
import { graceMs } from "../../packages/server/src/runtime/stop.ts";
import { variables } from "../../packages/server/src/runtime/variables.ts";
import { adapterQueries } from "../../scripts/references/adapter-queries.ts";
import { autoscalingRules } from "../operations/support/rules.ts";

const folder = join(import.meta.dirname, "..", "..", "deploy", "kubernetes");
const why = spawnSync("kubectl", ["version", "--client"]).status === 0 ? "" : " (skipped: kubectl is not installed)";

const rendered = (path: string): readonly AnyBody[] => {
  const { status, stdout, stderr } = spawnSync("kubectl", ["kustomize", join(folder, path)], { encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  return parseAllDocuments(stdout).map((document) => document.toJS());
};
const known = new Set(variables.map(({ name }) => name));
const roles = ["command", "gateway", "query", "worker"];

describe.skipIf(why !== "").each(["overlays/production", "overlays/small"])(`the manifests of %s${why}`, (overlay) => {
  let objects: readonly AnyBody[];
  let deployments: readonly AnyBody[];
  let server: TestServer;
  beforeAll(async () => {
    objects = [...rendered(overlay), ...rendered("migrate")];
    deployments = of("Deployment");
    server = await startTestServer();
  });
  afterAll(() => server?.close());
  const of = (kind: string): AnyBody[] => objects.filter((object) => object.kind === kind);
  const podsOf = () => [...deployments, ...of("Job")].map(({ metadata, spec }) => ({ name: metadata.name, pod: spec.template.spec }));
  const containerOf = (pod: AnyBody) => pod.containers[0];

  it("the manifests have a deployment for each role, with its role variable", () => {
    const roleOfDeployments = deployments.map(
      ({ spec }) => containerOf(spec.template.spec).env.find(({ name }: AnyBody) => name === "GATEHOUSE_ROLE").value,
    );
    expect(deployments.map(({ metadata }) => metadata.name).sort()).toEqual(roles);
    expect(roleOfDeployments.sort()).toEqual(roles);
  });

  it("probes use paths of the product and ports of the container", async () => {
    for (const { spec } of deployments) {
      const { ports, startupProbe, livenessProbe, readinessProbe } = containerOf(spec.template.spec);
      // As documented in docs/operations/kubernetes.md.
      expect([startupProbe, livenessProbe, readinessProbe].map(({ httpGet }) => httpGet.path)).toEqual([
        "/health/startup",
        "/health",
        "/health/ready",
      ]);
      for (const { httpGet } of [startupProbe, livenessProbe, readinessProbe]) {
        expect(ports.map(({ name }: AnyBody) => name)).toContain(httpGet.port);
        expect((await server.call(`GET ${httpGet.path}`)).status).toBe(200);
      }
    }
  });

  it("every pod is confined: no root, no privileges, one writable scratch folder, no cluster token", () => {
    for (const { name, pod } of podsOf()) {
      expect(pod.securityContext, name).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" } });
      expect(pod.automountServiceAccountToken, name).toBe(false);
      for (const container of pod.containers) {
        expect(container.securityContext, name).toEqual({
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"] },
        });
        for (const kind of ["requests", "limits"]) expect(Object.keys(container.resources[kind]).sort(), name).toEqual(["cpu", "memory"]);
        expect(container.image, name).not.toMatch(/:latest$/);
      }
    }
  });

  it("the manifests set only variables of the product, and take secrets from the secret alone", () => {
    const [{ data }] = of("ConfigMap") as [AnyBody];
    const documents = parseAllDocuments(readFileSync(join(folder, "secret.example.yaml"), "utf8"));
    const offered = new Map<string, string[]>(
      documents.map((each) => each.toJS()).map((each) => [each.metadata.name, Object.keys(each.stringData)]),
    );
    for (const name of [...Object.keys(data), ...[...offered.values()].flat()]) expect(known, name).toContain(name);
    const secrets = new Set(variables.filter((variable) => variable.secret).map(({ name }) => name));
    for (const name of Object.keys(data)) expect(secrets, `${name} is a secret`).not.toContain(name);
    for (const { name: role, pod } of podsOf()) {
      for (const { name, valueFrom } of containerOf(pod).env) {
        expect(known, `${role}: ${name}`).toContain(name);
        const { name: secret = "", key, optional = false } = valueFrom?.secretKeyRef ?? {};
        if (valueFrom && !optional) expect(offered.get(secret), `${role}: ${name}`).toContain(key);
        // Each role has its own NATS user.
        if (name === "NATS_URL") expect(secret).toBe(`gatehouse-nats-${role}`);
      }
    }
  });

  it("the product accepts the configuration of every deployment", () => {
    const [{ data }] = of("ConfigMap") as [AnyBody];
    for (const variable of variables.filter(({ name }) => name in data))
      expect(variable.parse(data[variable.name]), variable.name).toBeDefined();
  });

  it("the product accepts the configuration of the migration job, in an image that listens beyond loopback", () => {
    const [{ pod }] = podsOf().slice(-1) as [AnyBody];
    const image = { HOST: "0.0.0.0", OPERATIONS_PORT: "9090", GATEHOUSE_DATA_DIR: "/tmp/gatehouse" };
    const given = containerOf(pod).env.map(({ name, value }: AnyBody) => [name, value ?? "postgres://a@b/c"]);
    expect(() => readConfiguration({ ...image, ...Object.fromEntries(given) })).not.toThrow();
  });

  it("preStop and the process's grace period end before the pod is killed", () => {
    for (const { spec } of deployments) {
      const { terminationGracePeriodSeconds, containers } = spec.template.spec;
      const [, sleepSeconds] = containers[0].lifecycle.preStop.exec.command;
      expect(terminationGracePeriodSeconds).toBeGreaterThan(graceMs / 1_000 + Number(sleepSeconds));
    }
  });

  it("autoscalers have limits, disruption budgets allow one pod of a kind, and selectors match deployments", () => {
    const limits = Object.fromEntries(
      of("HorizontalPodAutoscaler").map(({ metadata, spec }) => [metadata.name, [spec.minReplicas, spec.maxReplicas]]),
    );
    expect(Object.keys(limits).sort()).toEqual(roles);
    if (overlay.endsWith("production")) expect(limits).toMatchObject({ query: [5, 20], command: [3, 10], worker: [2, 5] });
    for (const { spec } of of("HorizontalPodAutoscaler")) {
      expect(spec.metrics[0].resource).toEqual({ name: "cpu", target: { type: "Utilization", averageUtilization: 70 } });
    }
    expect(
      of("PodDisruptionBudget")
        .map(({ metadata, spec }) => [metadata.name, spec.maxUnavailable])
        .sort(),
    ).toEqual(roles.map((role) => [role, 1]));
    for (const { spec } of of("PodDisruptionBudget")) expect(spec.unhealthyPodEvictionPolicy).toBe("AlwaysAllow");
    // The autoscaler sets the number of replicas; a manifest with a number would reset it at each roll-out.
    for (const { spec, metadata } of deployments) expect(spec, metadata.name).not.toHaveProperty("replicas");
    for (const { spec } of of("Service")) expect(deployments.some((deployment) => matches(spec.selector, deployment))).toBe(true);
  });

  it.runIf(overlay.endsWith("production"))("autoscalers scale by processor, memory, requests, lag and queue", () => {
    const grownBy = (name: string): unknown[] => {
      const { spec } = of("HorizontalPodAutoscaler").find(({ metadata }) => metadata.name === name);
      return spec.metrics.map(({ type, resource, pods, external }: AnyBody) => {
        if (type === "Resource") return [resource.name, resource.target.averageUtilization];
        const { metric, target } = pods ?? external;
        return [`${type} ${metric.name}`, target.averageValue ?? target.value];
      });
    };
    const requests = "Pods gatehouse_pod_requests_per_second";
    // The planned rates divided by the minimum and maximum of pods, at 70 %.
    const planned = { query: (5_000 + 1_000) / 5, command: (500 + 100 + 50) / 10 };
    expect(grownBy("query")).toEqual([
      ["cpu", 70],
      ["memory", 80],
      [requests, String(planned.query * 0.7)],
    ]);
    expect(grownBy("command")).toEqual([
      ["cpu", 70],
      [requests, String(Math.floor(planned.command * 0.7))],
    ]);
    expect(grownBy("worker")).toEqual([
      ["cpu", 70],
      ["External gatehouse_event_lag_seconds", "2"],
      ["External gatehouse_jobs_queued", "100"],
    ]);
  });

  it("autoscalers use exactly the metrics that the adapter makes of Prometheus records", () => {
    const made = adapterQueries().map(({ kind, metric }) => `${kind} ${metric}`);
    const used = of("HorizontalPodAutoscaler").flatMap(({ spec }) =>
      spec.metrics.flatMap(({ type, pods, external }: AnyBody) =>
        type === "Resource" ? [] : [`${type} ${(pods ?? external).metric.name}`],
      ),
    );
    expect(overlay.endsWith("production") ? made.toSorted() : []).toEqual([...new Set(used)].sort());
    expect(autoscalingRules.map(({ record }) => record).sort()).toEqual(
      adapterQueries()
        .map(({ metric }) => metric)
        .sort(),
    );
    for (const { kind, seriesQuery, query } of adapterQueries()) {
      expect(seriesQuery).toContain('namespace!=""');
      expect(query).toContain('namespace="gatehouse"');
      if (kind === "Pods") expect(query).toMatch(/by \(pod\)$/);
      expect(query).not.toContain("<<");
    }
  });

  it("Prometheus discovers the pods and sets the labels that autoscalers and roll-outs select by", () => {
    const { scrape_configs } = parse(readFileSync(join(folder, "..", "prometheus", "kubernetes.yml"), "utf8"));
    const [{ kubernetes_sd_configs, relabel_configs }] = scrape_configs as [AnyBody];
    const [{ metadata }] = of("Namespace") as [AnyBody];
    expect(kubernetes_sd_configs).toEqual([{ role: "pod", namespaces: { names: [metadata.name] } }]);
    const set = relabel_configs.map(({ target_label }: AnyBody) => target_label).filter(Boolean);
    expect(set).toEqual(["__metrics_path__", "namespace", "pod", "component", "release"]);
    for (const { spec } of deployments) {
      const { annotations, labels } = spec.template.metadata;
      expect(annotations).toMatchObject({ "prometheus.io/scrape": "true", "prometheus.io/path": "/metrics" });
      expect(labels["app.kubernetes.io/component"]).toBeDefined();
      expect(containerOf(spec.template.spec).ports).toContainEqual(expect.objectContaining({ name: "operations" }));
    }
  });

  it.runIf(overlay.endsWith("production"))("pods request the planned resources", () => {
    const given = Object.fromEntries(
      deployments.map(({ metadata, spec }) => {
        const { requests, limits } = containerOf(spec.template.spec).resources;
        return [metadata.name, [requests.cpu, limits.cpu, requests.memory, limits.memory]];
      }),
    );
    expect(given).toMatchObject({
      query: ["500m", "1", "512Mi", "1Gi"],
      command: ["300m", "700m", "512Mi", "1Gi"],
      worker: ["200m", "500m", "256Mi", "512Mi"],
    });
  });

  it("a changed configuration rolls out new pods, because its name contains its hash", () => {
    const [{ metadata }] = of("ConfigMap") as [AnyBody];
    expect(metadata.name).toMatch(/^gatehouse-[a-z\d]{10}$/);
    for (const { spec } of deployments)
      expect(containerOf(spec.template.spec).envFrom).toEqual([{ configMapRef: { name: metadata.name } }]);
  });

  it("network policies deny unnamed traffic: the gateway cannot reach the database, and outside traffic reaches only the gateway", () => {
    const policies = of("NetworkPolicy");
    expect(policies.find(({ metadata }) => metadata.name === "nothing").spec).toEqual({
      podSelector: {},
      policyTypes: ["Ingress", "Egress"],
    });
    const mayReach = (port: number) =>
      roles.filter((role) => policies.some(({ spec }) => selects(spec.podSelector, role) && portsOf(spec.egress).includes(port)));
    expect(mayReach(5432)).toEqual(["command", "query", "worker"]);
    expect(mayReach(6379)).toEqual(["command", "query", "worker"]);
    expect(mayReach(4222)).toEqual(roles);
    expect(mayReach(5672)).toEqual(["worker"]);
    const reachedAt = (port: number) =>
      roles.filter((role) => policies.some(({ spec }) => selects(spec.podSelector, role) && portsOf(spec.ingress).includes(port)));
    expect(reachedAt(8080)).toEqual(["gateway"]);
    const letsIn = (app: string) =>
      policies
        .filter(({ spec }) => spec.podSelector.matchLabels?.app === app)
        .flatMap(({ spec }) => spec.ingress)
        .flatMap(({ from, ports }: AnyBody) =>
          from.map(({ podSelector }: AnyBody) => [ports[0].port, podSelector.matchExpressions[0].values]),
        );
    expect(letsIn("postgresql")).toEqual([[5432, ["worker", "command", "query", "migrate"]]]);
    expect(letsIn("redis")).toEqual([[6379, ["worker", "command", "query"]]]);
    expect(letsIn("nats")).toEqual([[4222, ["worker", "command", "query", "gateway"]]]);
    expect(letsIn("rabbitmq")).toEqual([[5672, ["worker"]]]);
    expect(mayReach(4318)).toEqual(roles);
    const targets = policies.flatMap(({ spec }) => spec.egress ?? []).flatMap(({ to }: AnyBody) => to ?? []);
    for (const { podSelector } of targets.filter(({ podSelector }: AnyBody) => podSelector))
      expect(Object.keys(podSelector.matchLabels)).toEqual(["app"]);
  });
});

const matches = (selector: AnyBody, deployment: AnyBody): boolean =>
  Object.entries(selector).every(([name, value]) => deployment.spec.template.metadata.labels[name] === value);

const component = "app.kubernetes.io/component";

/** Whether a pod selector of a network policy selects the pods of a role. */
function selects({ matchLabels = {}, matchExpressions = [] }: AnyBody, role: string): boolean {
  const named = matchLabels[component];
  return (
    matchLabels.app === undefined &&
    (named === undefined || named === role) &&
    matchExpressions.every(({ key, values }: AnyBody) => key === component && values.includes(role))
  );
}

const portsOf = (rules: AnyBody[] = []): number[] => rules.flatMap(({ ports }) => ports.map(({ port }: AnyBody) => port));
