import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { StartRefused } from "../start-refused.ts";
import { masterKeyBytes } from "./aes.ts";

/** The key that encrypts, and further keys that only decrypt. */
export interface MasterKeys {
  readonly current: Buffer;
  readonly others: readonly Buffer[];
}

/** The file with the key that encrypts. */
export const masterKeyFile = (dataDir: string): string => join(dataDir, "master.key");
/** During a rotation: the previous keys, one per line, newest first. */
const olderKeysFile = (dataDir: string): string => join(dataDir, "master.key.old");

/** The master key in the data directory, generated if there is none. `memory` stores none. */
export const masterKeyFromFile = (dataDir: string): Buffer => masterKeysFromFiles(dataDir)?.current ?? makeMasterKey(dataDir);

/** The master key of the data directory and the older ones of an unfinished rotation; undefined if there is none. */
export function masterKeysFromFiles(dataDir: string): MasterKeys | undefined {
  const file = masterKeyFile(dataDir);
  if (dataDir === "memory" || !existsSync(file)) return undefined;
  const current = decodeMasterKey(readFileSync(file, "utf8").trim(), file);
  const olderFile = olderKeysFile(dataDir);
  const older = existsSync(olderFile) ? readFileSync(olderFile, "utf8").split("\n").filter(Boolean) : [];
  return { current, others: older.map((line) => decodeMasterKey(line, olderFile)) };
}

/** Generates the master key of a new installation (`master.key`, 0600) atomically. `memory` stores none. */
export function makeMasterKey(dataDir: string): Buffer {
  const key = randomBytes(masterKeyBytes);
  if (dataDir === "memory") return key;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  writeSecret(masterKeyFile(dataDir), [key]);
  return key;
}

/** True while values may still be encrypted by a previous key. */
export const hasOlderKeys = (dataDir: string): boolean => existsSync(olderKeysFile(dataDir));

/**
 * Generates a new master key and stores the current one as an older key. The old one is written before the new one replaces it:
 * a crash in between leaves the old one in both files, and no value without its key.
 */
export function replaceMasterKey(dataDir: string): void {
  const { current, others } = masterKeysFromFiles(dataDir) as MasterKeys;
  writeSecret(olderKeysFile(dataDir), [current, ...others]);
  writeSecret(masterKeyFile(dataDir), [randomBytes(masterKeyBytes)]);
}

/** Ends a rotation: no value is encrypted by older keys any more. */
export const deleteOlderKeys = (dataDir: string): void => rmSync(olderKeysFile(dataDir), { force: true });

function writeSecret(file: string, keys: readonly Buffer[]): void {
  const next = `${file}.next`;
  rmSync(next, { force: true });
  writeFileSync(next, keys.map((key) => `${key.toString("base64")}\n`).join(""), { mode: 0o600, flag: "wx", flush: true });
  renameSync(next, file);
}

/** Decodes base64 of 32 bytes; `from` names the source in the error. */
export function decodeMasterKey(text: string, from: string): Buffer {
  const key = Buffer.from(text, "base64");
  if (key.length !== masterKeyBytes) {
    throw new StartRefused(
      `${from} does not contain a master key: base64 of ${masterKeyBytes} bytes (openssl rand -base64 ${masterKeyBytes}).`,
    );
  }
  return key;
}
