import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { masterKeyBytes } from "./aes.ts";

/** The key that seals, and those that open beside it. */
export interface MasterKeys {
  readonly current: Buffer;
  readonly others: readonly Buffer[];
}

/** The file with the key that seals. */
export const masterKeyFile = (dataDir: string): string => join(dataDir, "master.key");
/** While a rotation is under way: the keys before, one a line, newest first. */
const olderKeysFile = (dataDir: string): string => join(dataDir, "master.key.old");

/** The master key in the data directory (`master.key`, 0600), made at the first start. `memory` keeps none. */
export function masterKeyFromFile(dataDir: string): Buffer {
  if (dataDir === "memory") return randomBytes(masterKeyBytes);
  const file = masterKeyFile(dataDir);
  if (existsSync(file)) return decodeMasterKey(readFileSync(file, "utf8").trim(), file);
  const key = randomBytes(masterKeyBytes);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  writeFileSync(file, `${key.toString("base64")}\n`, { mode: 0o600, flag: "wx" });
  chmodSync(file, 0o600);
  return key;
}

/** The master key of the data directory with those that a rotation has not done with yet. */
export function masterKeysFromFiles(dataDir: string): MasterKeys {
  const file = olderKeysFile(dataDir);
  const older = dataDir !== "memory" && existsSync(file) ? readFileSync(file, "utf8").split("\n").filter(Boolean) : [];
  return { current: masterKeyFromFile(dataDir), others: older.map((line) => decodeMasterKey(line, file)) };
}

/** True while values may still be sealed by a key of before. */
export const hasOlderKeys = (dataDir: string): boolean => existsSync(olderKeysFile(dataDir));

/**
 * Makes a new master key and keeps the present one beside it. The old one is on disk before the new one takes its place:
 * a crash in between leaves the old one twice, and no value without its key.
 */
export function replaceMasterKey(dataDir: string): void {
  const { current, others } = masterKeysFromFiles(dataDir);
  writeSecret(olderKeysFile(dataDir), [current, ...others]);
  writeSecret(masterKeyFile(dataDir), [randomBytes(masterKeyBytes)]);
}

/** Ends a rotation: nothing is sealed by them any more. */
export const forgetOlderKeys = (dataDir: string): void => rmSync(olderKeysFile(dataDir), { force: true });

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
    throw new Error(`${from} does not hold a master key: base64 of ${masterKeyBytes} bytes (openssl rand -base64 ${masterKeyBytes})`);
  }
  return key;
}
