import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { masterKeyFromFile } from "../../packages/server/src/platform/keys/file.ts";

/** Where the set keeps its master key and its logs; STACK_DIR names another place. */
export const stackFolder = process.env["STACK_DIR"] ?? join(import.meta.dirname, "..", "..", "data", "stack");
mkdirSync(stackFolder, { recursive: true, mode: 0o700 });

/** GATEHOUSE_MASTER_KEY, else one of the set's own, so that a second start can read what the first has encrypted. */
export const masterKey = (): string => process.env["GATEHOUSE_MASTER_KEY"] ?? masterKeyFromFile(stackFolder).toString("base64");
