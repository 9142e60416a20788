import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { Kysely, PGliteDialect } from "kysely";
import type { AnyTables, Database } from "./database.ts";
import { scopedDatabase } from "./scoped.ts";
import { fixedSettings } from "./session.ts";

export interface EmbeddedDatabase extends Database {
  readonly kind: "pglite";
  readonly pglite: PGlite;
}

/**
 * Opens the embedded PostgreSQL below `dataDir`, or in memory for `memory`.
 * It does no fsync: it survives a kill of the process, not a power cut. One process at a time may hold it.
 */
export async function openPglite(dataDir: string, image?: Blob): Promise<EmbeddedDatabase> {
  const folder = dataDir === "memory" ? "memory://" : join(dataDir, "postgres");
  if (dataDir !== "memory") mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const pglite = await PGlite.create(folder, image ? { loadDataDir: image } : {});
  // Its one session: what the data directory's database may have been given does not count.
  await pglite.exec(
    Object.entries(fixedSettings)
      .map(([name, value]) => `set ${name} = '${value}';`)
      .join(" "),
  );
  const kysely = new Kysely<AnyTables>({ dialect: new PGliteDialect({ pglite }) });
  const database = scopedDatabase({ kind: "pglite", writer: kysely, reader: kysely, owner: kysely }, () => kysely.destroy());
  return Object.assign(database, { kind: "pglite" as const, pglite });
}
