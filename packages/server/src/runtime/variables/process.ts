import { isIP } from "node:net";
import { jobsSchema } from "#platform/jobs/schema.ts";
import { rolesOf } from "../roles.ts";
import { databaseAddress, integer, text } from "./forms.ts";
import type { Variable } from "./variable.ts";

/** A process: its address, its roles, its database. */
export const processVariables: readonly Variable[] = [
  { name: "PORT", fallback: 8080, meaning: "the port of the HTTP server", ...integer(0, 65_535) },
  {
    name: "HOST",
    fallback: "127.0.0.1",
    meaning: "the address that the HTTP server listens on",
    takes: "an IP address or localhost",
    parse: (value) => (isIP(value) > 0 || value === "localhost" ? value : undefined),
  },
  {
    name: "GATEHOUSE_ROLE",
    fallback: rolesOf("all"),
    fallbackText: "all",
    meaning: "the roles of this process: all, or some of them where other processes have the others",
    takes: '"all", or a list of query, command, worker and gateway with commas between them',
    parse: rolesOf,
  },
  {
    name: "GATEHOUSE_WORKERS",
    fallback: 1,
    meaning: "how many processes `start` runs behind one port, such as one per core; needs DATABASE_URL",
    ...integer(1, 256),
  },
  {
    name: "GATEHOUSE_DATA_DIR",
    fallback: "./data",
    meaning: "the directory of embedded storage; `memory` persists nothing",
    ...text("a path, or memory"),
  },
  {
    name: "GATEHOUSE_DISK_RESERVE_MB",
    fallback: undefined,
    fallbackText: "64, or a quarter of a disk smaller than 256 MiB",
    meaning: "how many MiB stay free on the disk of embedded storage; with less, writes are refused and reads continue",
    ...integer(20, 1_000_000),
  },
  {
    name: "DATABASE_URL",
    fallback: undefined,
    fallbackText: "none: PGlite in the data directory",
    meaning: "PostgreSQL 15 or later, also through PgBouncer in transaction mode",
    secret: true,
    ...databaseAddress,
  },
  {
    name: "DATABASE_READ_URL",
    needs: { variable: "DATABASE_URL", refused: true },
    fallback: undefined,
    fallbackText: "DATABASE_URL",
    meaning: "a read replica for queries",
    secret: true,
    ...databaseAddress,
  },
  {
    name: "DATABASE_DIRECT_URL",
    fallback: undefined,
    fallbackText: "DATABASE_URL",
    meaning: "the same database without a pooler: for migrations, and for the session that receives the job queue's notifications",
    secret: true,
    ...databaseAddress,
  },
  {
    name: "DATABASE_SCHEMA",
    fallback: "public",
    meaning: "the schema of the product's tables; the job queue's are in the schema jobs",
    takes: "a name of 1 to 63 lower-case letters, digits and _, which does not begin with a digit or pg_",
    parse: (value) => (/^(?!pg_)[a-z_][a-z0-9_]{0,62}$/.test(value) && value !== jobsSchema ? value : undefined),
  },
  {
    name: "DATABASE_POOL",
    needs: { variable: "DATABASE_URL" },
    fallback: 10,
    meaning: "connections of this process to PostgreSQL, for each of the two addresses (query 20 to 50, command 10 to 20, worker 5 to 10)",
    ...integer(2, 500),
  },
];
