import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { masterKeyFromFile } from "../../packages/server/src/platform/keys/file.ts";

/** The folder of the master key and the logs; STACK_DIR names another one. */
export const stackFolder = process.env["STACK_DIR"] ?? join(import.meta.dirname, "..", "..", "data", "stack");
mkdirSync(stackFolder, { recursive: true, mode: 0o700 });

/** GATEHOUSE_MASTER_KEY, else a generated key that is stored, so that a second start can decrypt. */
export const masterKey = (): string => process.env["GATEHOUSE_MASTER_KEY"] ?? masterKeyFromFile(stackFolder).toString("base64");
