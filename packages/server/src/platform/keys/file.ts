import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { StartRefused } from "../start-refused.ts";
import { masterKeyBytes } from "./aes.ts";

/** The key that encrypts, and those that decrypt beside it. */
export interface MasterKeys {
  readonly current: Buffer;
  readonly others: readonly Buffer[];
}

/** The file with the key that encrypts. */
export const masterKeyFile = (dataDir: string): string => join(dataDir, "master.key");
/** While a rotation is under way: the keys before, one a line, newest first. */
const olderKeysFile = (dataDir: string): string => join(dataDir, "master.key.old");

/** The master key in the data directory, made where there is none. `memory` keeps none. */
export const masterKeyFromFile = (dataDir: string): Buffer => masterKeysFromFiles(dataDir)?.current ?? makeMasterKey(dataDir);

/** The master key of the data directory with those that a rotation has not done with yet; undefined where there is none. */
export function masterKeysFromFiles(dataDir: string): MasterKeys | undefined {
  const file = masterKeyFile(dataDir);
  if (dataDir === "memory" || !existsSync(file)) return undefined;
  const current = decodeMasterKey(readFileSync(file, "utf8").trim(), file);
  const olderFile = olderKeysFile(dataDir);
  const older = existsSync(olderFile) ? readFileSync(olderFile, "utf8").split("\n").filter(Boolean) : [];
  return { current, others: older.map((line) => decodeMasterKey(line, olderFile)) };
}

/** Makes the master key of a new installation (`master.key`, 0600), whole or not at all. `memory` keeps none. */
export function makeMasterKey(dataDir: string): Buffer {
  const key = randomBytes(masterKeyBytes);
  if (dataDir === "memory") return key;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  writeSecret(masterKeyFile(dataDir), [key]);
  return key;
}

/** True while values may still be encrypted by a key of before. */
export const hasOlderKeys = (dataDir: string): boolean => existsSync(olderKeysFile(dataDir));

/**
 * Makes a new master key and keeps the present one beside it. The old one is on disk before the new one takes its place:
 * a crash in between leaves the old one twice, and no value without its key.
 */
export function replaceMasterKey(dataDir: string): void {
  const { current, others } = masterKeysFromFiles(dataDir) as MasterKeys;
  writeSecret(olderKeysFile(dataDir), [current, ...others]);
  writeSecret(masterKeyFile(dataDir), [randomBytes(masterKeyBytes)]);
}

/** Ends a rotation: nothing is encrypted by them any more. */
export const deleteOlderKeys = (dataDir: string): void => rmSync(olderKeysFile(dataDir), { force: true });

function writeSecret(file: string, keys: readonly Buffer[]): void {
  const next = `${file}.next`;
  rmSync(next, { force: true });
  writeFileSync(next, keys.map((key) => `${key.toString("base64")}\n`).join(""), { mode: 0o600, flag: "wx", flush: true });
  renameSync(next, file);
}

/** Reads base64 of 32 bytes; `from` names the place in the error. */
export function decodeMasterKey(text: string, from: string): Buffer {
  const key = Buffer.from(text, "base64");
  if (key.length !== masterKeyBytes) {
    throw new StartRefused(
      `${from} does not hold a master key: base64 of ${masterKeyBytes} bytes (openssl rand -base64 ${masterKeyBytes}).`,
    );
  }
  return key;
}
