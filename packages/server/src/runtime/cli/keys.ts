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
  does: "Tell which master keys are known here, and how many encrypted values each has encrypted.\nA key may be taken away once it has encrypted none.",
  run: () =>
    onStorage(async (database, configuration) => {
      const { keys, from } = keyRing(configuration);
      const [sealing, ...others] = keys?.names ?? [];
      say(sealing === undefined ? `There is no master key in ${from}.` : `encrypting: ${sealing}${othersOf(others)}`);
      const status = await encryptionStatus(database, await presentFields(database.owner, encryptedFields));
      for (const { field, encryptedBy } of status) say(`${field}: ${countsOf(encryptedBy)}`);
      const strange = namesOf(status).filter((name) => name !== "unnamed" && !keys?.names.includes(name));
      for (const name of strange) say(`${name} is not here: what it has encrypted cannot be decrypted`);
      if (strange.length > 0) process.exitCode = 1;
    }),
};

export const keysTransportCommand: Command = {
  words: ["keys", "transport"],
  usage: "gatehouse keys transport",
  does:
    "Print the transport key that follows from the master key, for GATEHOUSE_TRANSPORT_KEY of a gateway (docs/operations/keys.md).\n" +
    "With it messages between processes are read and written: hand it on as a secret. Needs no database.",
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
    "Encrypt every encrypted value anew under the current master key (docs/operations/keys.md).\n" +
    "With GATEHOUSE_MASTER_KEY: the keys of before are in GATEHOUSE_MASTER_KEYS_OLD, and servers may run. On embedded storage\n" +
    "the server is stopped and a new key is made in the data directory. May be ended and begun again at any time.",
  run: () =>
    onStorage(async (database, configuration) => {
      const inFiles = configuration.masterKey === undefined;
      // Refused with a key that is not the database's, before a new one takes its place.
      await openKeyRing(database, configuration);
      // What an earlier run has begun is ended first: one more key would only be one more to keep.
      if (inFiles && !hasOlderKeys(configuration.dataDir)) replaceMasterKey(configuration.dataDir);
      const keys = await openKeyRing(database, configuration);
      const undecryptable = await alone(database, async () => {
        let left = 0;
        let reencrypted = 0;
        for (const field of await presentFields(database.owner, encryptedFields)) {
          const done = await reencrypt(database, field, keys);
          left += done.undecryptable;
          reencrypted += done.reencrypted;
          say(
            `${done.field}: ${done.reencrypted} encrypted anew${done.undecryptable > 0 ? `, ${done.undecryptable} could not be decrypted` : ""}`,
          );
        }
        const done = { current: keys.current, reencrypted, undecryptable: left };
        await database.transact(everyTenant, (tx) => recordOnStorage(tx, "keys.rotate", new Date(), done));
        return left;
      });
      const others = namesOf(await encryptionStatus(database, await presentFields(database.owner, encryptedFields))).filter(
        (name) => name !== keys.current,
      );
      if (others.length === 0) {
        await database.transact(everyTenant, (tx) => deleteOtherKeys(tx, keys));
        if (inFiles) deleteOlderKeys(configuration.dataDir);
        return say(
          `Everything is encrypted by ${keys.current}. ${inFiles ? "The key of before is gone." : "The others may be taken away."}`,
        );
      }
      process.exitCode = 1;
      say(
        undecryptable > 0
          ? `Keep the old keys: values are left that none of the keys here decrypts (${others.join(", ")}).`
          : `Keep the old keys and run this again: meanwhile a server has encrypted with ${others.join(", ")}.`,
      );
    }),
};

/** Of two rotations at once one works. The lock is the transaction's: a process that dies lets it go. */
async function alone<T>(database: Database, work: () => Promise<T>): Promise<T> {
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
