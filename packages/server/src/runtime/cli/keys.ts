import { sql } from "kysely";
import { recordOnStorage } from "#modules/foundation/audit/index.ts";
import { type Database, everyTenant } from "#platform/database/database.ts";
import { deleteOlderKeys, hasOlderKeys, replaceMasterKey } from "#platform/keys/file.ts";
import { deleteOtherKeys, presentFields } from "#platform/keys/known-keys.ts";
import { encryptionStatus, type FieldStatus, reencrypt } from "#platform/keys/reencrypt.ts";
import { StartRefused } from "#platform/start-refused.ts";
import { type Configuration, readConfiguration } from "../configuration.ts";
import { lockDataDir } from "../data-lock.ts";
import { refuseUnfitDatabase } from "../fit-database.ts";
import { keyRing, openKeyRing } from "../key-ring.ts";
import { encryptedFields } from "../modules.ts";
import { openLogger } from "../ports.ts";
import { prepareDatabase } from "../prepare-database.ts";
import { openStorage } from "../storage.ts";
import { transportKeysOf } from "../transport-keys.ts";
import type { Command } from "./command.ts";

export const keysStatusCommand: Command = {
  words: ["keys", "status"],
  usage: "gatehouse keys status",
  does: "Show the known master keys, and how many values each has encrypted.\nA key may be removed once it has encrypted none.",
  run: () =>
    onStorage(async (database, configuration) => {
      const { keys, from } = keyRing(configuration);
      const [current, ...others] = keys?.names ?? [];
      say(current === undefined ? `There is no master key in ${from}.` : `encrypting: ${current}${othersOf(others)}`);
      const status = await encryptionStatus(database, await presentFields(database.owner, encryptedFields));
      for (const { field, encryptedBy } of status) say(`${field}: ${countsOf(encryptedBy)}`);
      const missing = namesOf(status).filter((name) => name !== "unnamed" && !keys?.names.includes(name));
      for (const name of missing) say(`${name} is missing: the values that it encrypted cannot be decrypted`);
      if (missing.length > 0) process.exitCode = 1;
    }),
};

export const keysTransportCommand: Command = {
  words: ["keys", "transport"],
  usage: "gatehouse keys transport",
  does:
    "Print the transport key derived from the master key, for GATEHOUSE_TRANSPORT_KEY of a gateway (docs/operations/keys.md).\n" +
    "It decrypts and authenticates messages between processes: treat it as a secret. Needs no database.",
  run: async () => {
    const { keys, from } = keyRing(readConfiguration(process.env));
    const [current] = keys === undefined ? [] : transportKeysOf(keys);
    if (current === undefined) throw new StartRefused(`There is no master key in ${from}.`);
    say(current.key.toString("base64"));
  },
};

export const keysRotateCommand: Command = {
  words: ["keys", "rotate"],
  usage: "gatehouse keys rotate",
  does:
    "Re-encrypt every encrypted value with the current master key (docs/operations/keys.md).\n" +
    "With GATEHOUSE_MASTER_KEY: the previous keys are in GATEHOUSE_MASTER_KEYS_OLD, and servers may run. On embedded storage\n" +
    "stop the server; a new key is generated in the data directory. May be interrupted and repeated at any time.",
  run: () =>
    onStorage(async (database, configuration) => {
      const inFiles = configuration.masterKey === undefined;
      // Refuses a key that is not the database's, before a new one replaces it.
      await openKeyRing(database, configuration);
      // An interrupted run is completed first, without a further new key.
      if (inFiles && !hasOlderKeys(configuration.dataDir)) replaceMasterKey(configuration.dataDir);
      const keys = await openKeyRing(database, configuration);
      const undecryptable = await exclusively(database, async () => {
        let undecryptableCount = 0;
        let reencrypted = 0;
        for (const field of await presentFields(database.owner, encryptedFields)) {
          const done = await reencrypt(database, field, keys);
          undecryptableCount += done.undecryptable;
          reencrypted += done.reencrypted;
          say(
            `${done.field}: ${done.reencrypted} re-encrypted${done.undecryptable > 0 ? `, ${done.undecryptable} could not be decrypted` : ""}`,
          );
        }
        const done = { current: keys.current, reencrypted, undecryptable: undecryptableCount };
        await database.transact(everyTenant, (tx) => recordOnStorage(tx, "keys.rotate", new Date(), done));
        return undecryptableCount;
      });
      const others = namesOf(await encryptionStatus(database, await presentFields(database.owner, encryptedFields))).filter(
        (name) => name !== keys.current,
      );
      if (others.length === 0) {
        await database.transact(everyTenant, (tx) => deleteOtherKeys(tx, keys));
        if (inFiles) deleteOlderKeys(configuration.dataDir);
        return say(
          `Everything is encrypted by ${keys.current}. ${inFiles ? "The previous key is deleted." : "The others may be removed."}`,
        );
      }
      process.exitCode = 1;
      say(
        undecryptable > 0
          ? `Keep the old keys: some values cannot be decrypted by any of the known keys (${others.join(", ")}).`
          : `Keep the old keys and run this again: a server encrypted with ${others.join(", ")} in the meantime.`,
      );
    }),
};

/** Only one rotation runs at a time. The lock belongs to the transaction, so a process that dies releases it. */
async function exclusively<T>(database: Database, work: () => Promise<T>): Promise<T> {
  // One connection, and the data directory is locked already.
  if (database.kind === "pglite") return work();
  return database.owner.transaction().execute(async (tx) => {
    const { rows } = await sql<{ taken: boolean }>`
      select pg_try_advisory_xact_lock(hashtext('gatehouse keys rotate')) as taken`.execute(tx);
    if (!rows[0]?.taken) throw new Error("Another process is rotating the keys of this database.");
    return work();
  });
}

async function onStorage(work: (database: Database, configuration: Configuration) => Promise<void>): Promise<void> {
  const configuration = readConfiguration(process.env);
  const embedded = configuration.databaseUrl === undefined;
  const lock =
    embedded && configuration.dataDir !== "memory" ? lockDataDir(configuration.dataDir, configuration.settings.publicUrl) : undefined;
  try {
    const database = await openStorage(configuration);
    try {
      await refuseUnfitDatabase(database, configuration);
      await prepareDatabase(database, configuration, openLogger({ ...configuration, logLevel: "error" }));
      await work(database, configuration);
    } finally {
      await database.close();
    }
  } finally {
    lock?.release();
  }
}

const namesOf = (status: readonly FieldStatus[]): readonly string[] => [
  ...new Set(status.flatMap(({ encryptedBy }) => Object.keys(encryptedBy))),
];

const othersOf = (names: readonly string[]): string => (names.length === 0 ? "" : `; decrypting as well: ${names.join(", ")}`);

const countsOf = (encryptedBy: FieldStatus["encryptedBy"]): string => {
  const counts = Object.entries(encryptedBy).map(([name, count]) => `${count} by ${name}`);
  return counts.length === 0 ? "none" : counts.join(", ");
};

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
