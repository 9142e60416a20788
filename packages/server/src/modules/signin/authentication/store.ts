import type { Store } from "#operation/declaration/module.ts";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { credentialReads, credentialWrites } from "./store/credentials.ts";
import { knownAddressReads, knownAddressWrites } from "./store/known-addresses.ts";
import { tokenReads, tokenWrites } from "./store/one-time-tokens.ts";

const reads = (db: ReadHandle) => ({ ...credentialReads(db), ...tokenReads(db), ...knownAddressReads(db) });
const writes = (tx: WriteHandle) => ({ ...credentialWrites(tx), ...tokenWrites(tx), ...knownAddressWrites(tx) });

export type Reads = ReturnType<typeof reads>;
export type Writes = ReturnType<typeof writes>;

export const authenticationStore: Store<Reads, Writes> = { reads, writes };
