import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { newFolder, runAsDatabase } from "./cluster.ts";

const shipped = join(import.meta.dirname, "..", "..", "deploy", "backup");

/** pgBackRest with the shipped configuration, in the drill's folder. */
export interface Backup {
  /** The configuration of the PostgreSQL to back up. */
  readonly postgresqlConfiguration: string;
  /** Creates the repository's stanza and checks that segments arrive. */
  prepare(): void;
  full(): void;
  /** Restores a cluster into an empty folder, to the latest point or to a point in time (UTC). */
  restore(dataDir: string, at?: Date): void;
}

export function backupOf(place: string, dataDir: string, port: number, archiveSeconds: number): Backup {
  const file = join(place, "pgbackrest.conf");
  const sockets = join(place, "sockets");
  const [repository, logs, locks] = [newFolder(place, "repository"), newFolder(place, "backup-logs"), newFolder(place, "locks")];
  const places = [`lock-path=${locks}`, `log-path=${logs}`, "repo1-cipher-pass=a drill keeps no secret"].join("\n");
  const configuration = readFileSync(join(shipped, "pgbackrest.conf"), "utf8")
    .replace("repo1-path=/var/lib/pgbackrest", `repo1-path=${repository}\n${places}`)
    .replace(/pg1-path=.*/, `pg1-path=${dataDir}\npg1-port=${port}\npg1-socket-path=${sockets}\npg1-user=postgres`);
  writeFileSync(file, configuration, { mode: 0o644 });
  const call = (...args: readonly string[]) => runAsDatabase("pgbackrest", [`--config=${file}`, "--stanza=gatehouse", ...args]);
  return {
    postgresqlConfiguration: [
      readFileSync(join(shipped, "postgresql.conf"), "utf8"),
      `archive_command = 'pgbackrest --config=${file} --stanza=gatehouse archive-push %p'`,
      `archive_timeout = ${archiveSeconds}`,
    ].join("\n"),
    prepare() {
      call("stanza-create");
      call("check");
    },
    full: () => void call("--type=full", "backup"),
    restore(into, at) {
      const target =
        at === undefined
          ? []
          : ["--type=time", `--target=${at.toISOString().replace("T", " ").replace("Z", "+00")}`, "--target-action=promote"];
      call(`--pg1-path=${into}`, ...target, "restore");
    },
  };
}
