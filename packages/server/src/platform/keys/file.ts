import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { masterKeyBytes } from "./aes.ts";

/** The master key in the data directory (`master.key`, 0600), made at the first start. `memory` keeps none. */
export function masterKeyFromFile(dataDir: string): Buffer {
  if (dataDir === "memory") return randomBytes(masterKeyBytes);
  const file = join(dataDir, "master.key");
  if (existsSync(file)) return decodeMasterKey(readFileSync(file, "utf8").trim(), file);
  const key = randomBytes(masterKeyBytes);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  writeFileSync(file, `${key.toString("base64")}\n`, { mode: 0o600, flag: "wx" });
  chmodSync(file, 0o600);
  return key;
}

/** Reads base64 of 32 bytes; `from` names the place in the error. */
export function decodeMasterKey(text: string, from: string): Buffer {
  const key = Buffer.from(text, "base64");
  if (key.length !== masterKeyBytes) {
    throw new Error(`${from} does not hold a master key: base64 of ${masterKeyBytes} bytes (openssl rand -base64 ${masterKeyBytes})`);
  }
  return key;
}
