/** The turns of `npm run test:services` (docs/testing.md says which suite shows what). */
export interface Turn {
  readonly what: string;
  /** Filters and options of `vitest run`. */
  readonly args: readonly string[];
  readonly more: Readonly<Record<string, string>>;
  /** The service without which the turn is skipped, beside PostgreSQL. */
  readonly needs?: "nats";
  /** Whether its servers reach the database through a PgBouncer, which is started for the turn. */
  readonly pooled?: boolean;
}

const modules = "packages/server/src/modules";
/** Modules whose operations run with roles apart: that turn is their turn on PostgreSQL, too. */
export const apart: readonly string[] = [
  "authorization/access",
  "authorization/authzen",
  "authorization/decisions",
  "foundation/identity",
  "organization/entitlements",
  "organization/tenancy",
  "signin/authentication",
  "signin/sessions",
].map((name) => `${modules}/${name}/`);

/** What runs in the turn with roles apart and has nothing that needs all roles in one process. */
const shownApart = [
  `${modules}/authorization/{access,decisions}/*.test.ts`,
  `${modules}/authorization/authzen/!(evaluation).test.ts`,
  `${modules}/{foundation/identity,signin/authentication,signin/sessions}/**`,
  `${modules}/organization/entitlements/*.test.ts`,
  `${modules}/organization/tenancy/!(erasure).test.ts`,
];

/** What asks none of the services, or embedded storage alone: `npm test` has run it. */
const withoutServices = [
  "scripts/**",
  "tests/{deployment,policy}/**",
  "tests/newcomer/{guide,readme}.test.ts",
  "tests/operations/{rules,thresholds,embedded-is-small}.test.ts",
  "packages/policy/src/{condition,relation}/**",
  "packages/policy/src/*.test.ts",
  "packages/policy/src/filter/{address,match}.test.ts",
  "packages/server/src/operation/{canonical,catalogue,door,events-schema,openapi,versions}.test.ts",
  "packages/server/src/operation/http/**",
  "packages/server/src/runtime/pages/**",
  "packages/server/src/runtime/{banner,configuration,logs,one-trace,tracing,watchdog}.test.ts",
  "packages/server/src/platform/*.test.ts",
  "packages/server/src/platform/database/{embedded-storage,pglite}.test.ts",
  "packages/server/src/platform/{kafka,resilience,telemetry}/**",
  "packages/server/src/platform/{nats,redis}/address.test.ts",
];

/** What the first turn leaves to `npm test` and to the other turns. */
export const leftOut: readonly string[] = ["tests/scenarios/**", ...shownApart, ...withoutServices];

export const turns: readonly Turn[] = [
  {
    what: "what depends on a server: isolation, locks, plans, and each adapter on its service",
    args: leftOut.map((files) => `--exclude=${files}`),
    more: {},
  },
  {
    what: "the operations by status, and who is believed on NATS, with each role in a process of its own",
    args: [...apart, "tests/security/nats-tampering"],
    more: { TEST_TOPOLOGY: "distributed" },
    needs: "nats",
  },
  {
    what: "what runs at once, on a database that brings settings of its own along",
    args: ["tests/security/parallel-accepts", "tests/security/last-owner", "tests/security/single-use-races"],
    more: { TEST_DATABASE_SETTINGS: "foreign" },
  },
  {
    // Half a minute: every operation of a context, with mails from the job queue and sessions.
    what: "operations by status, behind PgBouncer in transaction mode",
    args: [`${modules}/organization/tenancy/`, `${modules}/signin/sessions/`],
    more: {},
    pooled: true,
  },
  { what: "faults, in their short form", args: ["tests/scenarios"], more: {} },
];
