import type { Store } from "#operation/declaration/module.ts";
import type { ReadHandle, WriteHandle } from "#platform/database/database.ts";
import { clientSecretReads, clientSecretWrites } from "./store/client-secrets.ts";
import { clientReads, clientWrites } from "./store/clients.ts";
import { sessionClientReads, sessionClientWrites } from "./store/session-clients.ts";
import { stateReads, stateWrites } from "./store/state.ts";

const reads = (db: ReadHandle) => ({ ...clientReads(db), ...clientSecretReads(db), ...stateReads(db), ...sessionClientReads(db) });
const writes = (tx: WriteHandle) => ({ ...clientWrites(tx), ...clientSecretWrites(tx), ...stateWrites(tx), ...sessionClientWrites(tx) });

export type Reads = ReturnType<typeof reads>;
export type Writes = ReturnType<typeof writes>;

export const openidStore: Store<Reads, Writes> = { reads, writes };
