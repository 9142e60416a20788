/** The import rules: layers depend downward, and modules import each other's index.ts in one direction. */
const src = "^packages/server/src";

// Each group uses only the groups before it, and inside a group each module only those before it.
// packages/server/src/runtime/modules.ts has the same order, and a test compares them.
const groups = {
  foundation: ["notifications", "identity", "audit"],
  authorization: ["access", "decisions", "authzen"],
  organization: ["tenancy", "serviceaccounts", "entitlements"],
  signin: ["sessions", "tokens", "authentication", "openid"],
  integration: ["apikeys"],
  insight: ["operations"],
};

const noUpwardImport = (name, from, above) => ({
  name,
  comment: "Groups and modules use each other in one direction; a dependency in the other direction is an event instead.",
  severity: "error",
  from: { path: `${src}/modules/${from}/`, pathNot: "\\.test\\.ts$" },
  to: { path: `${src}/modules/(${above.join("|")})/` },
});

const groupNames = Object.keys(groups);
const upwardGroups = groupNames
  .slice(0, -1)
  .map((group, index) => noUpwardImport(`${group}-uses-no-group-above`, group, groupNames.slice(index + 1)));
const upwardModules = Object.entries(groups).flatMap(([group, modules]) =>
  modules.slice(0, -1).map((name, index) =>
    noUpwardImport(
      `${name}-uses-no-module-above`,
      `${group}/${name}`,
      modules.slice(index + 1).map((above) => `${group}/${above}`),
    ),
  ),
);

/** Adapters of services; each is loaded only where its service is configured. */
const adapters = [`${src}/platform/redis/client\\.ts$`, `${src}/platform/[^/]+/(redis|rabbitmq|kafka|nats|jetstream|otlp)[a-z-]*\\.ts$`];
const clients = [
  "ioredis",
  "rabbitmq-client",
  "@platformatic/kafka",
  "@nats-io",
  "@opentelemetry/sdk-trace",
  "@opentelemetry/exporter-",
].map((name) => `node_modules/${name}`);

export default {
  forbidden: [
    { name: "no-circles", severity: "error", from: {}, to: { circular: true } },
    { name: "resolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
    {
      name: "platform-is-the-ground",
      severity: "error",
      from: { path: `${src}/platform/`, pathNot: "\\.test\\.ts$" },
      to: { path: `${src}/(operation|modules|runtime)/` },
    },
    {
      name: "operation-stands-on-platform",
      severity: "error",
      from: { path: `${src}/operation/`, pathNot: "\\.test\\.ts$" },
      to: { path: `${src}/(modules|runtime)/` },
    },
    {
      name: "modules-below-runtime",
      severity: "error",
      from: { path: `${src}/modules/`, pathNot: "\\.test\\.ts$" },
      to: { path: `${src}/runtime/` },
    },
    {
      name: "one-door-a-module",
      comment: "Other modules import a module's index.ts, never a deeper path.",
      severity: "error",
      from: { path: `${src}/(?:modules/([^/]+/[^/]+)|runtime|operation)/`, pathNot: "\\.test\\.ts$" },
      to: { path: `${src}/modules/[^/]+/[^/]+/`, pathNot: [`${src}/modules/[^/]+/[^/]+/index\\.ts$`, `${src}/modules/$1/`] },
    },
    ...upwardGroups,
    ...upwardModules,
    {
      name: "use-cases-know-no-http-and-no-sql",
      comment: "A command imports no Fastify and no query builder; its SQL is in the module's store.ts.",
      severity: "error",
      from: { path: `${src}/modules/[^/]+/[^/]+/(commands|queries)/` },
      to: { path: "node_modules/(fastify|kysely|pg|@electric-sql)/" },
    },
    {
      name: "fastify-at-the-door-only",
      severity: "error",
      from: { path: src, pathNot: [`${src}/operation/http/`, `${src}/runtime/`, "\\.test\\.ts$", "^packages/testing/"] },
      to: { path: "node_modules/fastify/" },
    },
    {
      name: "services-in-their-adapters",
      comment: "Only the adapters of a service import its client.",
      severity: "error",
      from: { path: src, pathNot: [...adapters, "\\.test\\.ts$", "/conformance/", "^packages/testing/"] },
      to: { path: clients },
    },
    {
      name: "services-are-loaded-when-configured",
      comment: "An adapter of a service is imported with `await import`, so that the embedded server does not load it.",
      severity: "error",
      from: { path: src, pathNot: [...adapters, "\\.test\\.ts$", "/conformance/", "^packages/testing/"] },
      to: { path: adapters, dependencyTypesNot: ["dynamic-import", "type-only"] },
    },
    {
      name: "policy-is-pure",
      comment: "The decision engine has no dependency and runs in a browser.",
      severity: "error",
      from: { path: "^packages/policy/src/", pathNot: "\\.test\\.ts$" },
      to: { pathNot: "^packages/policy/src/" },
    },
    {
      name: "opentelemetry-in-its-adapter-only",
      severity: "error",
      from: { path: src, pathNot: `${src}/platform/telemetry/otlp\\.ts$` },
      to: { path: "node_modules/@opentelemetry/" },
    },
    {
      name: "traces-are-loaded-when-configured",
      comment: "A server without traces does not load OpenTelemetry.",
      severity: "error",
      from: {},
      to: { path: `${src}/platform/telemetry/otlp\\.ts$`, dynamic: false },
    },
    {
      name: "tests-are-not-shipped",
      severity: "error",
      from: { path: "^packages/[^/]+/src/", pathNot: ["\\.test\\.ts$", "^packages/testing/", "/conformance/"] },
      to: { path: ["\\.test\\.ts$", "^packages/testing/", "/conformance/", "node_modules/(vitest|fast-check)/"] },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^bench/" },
    parser: "swc",
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "node", "types"], extensions: [".ts", ".js", ".mjs"] },
  },
};
