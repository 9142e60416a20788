import { identity } from "#modules/foundation/identity/index.ts";
import { module } from "#operation/declaration/module.ts";
import { Signers } from "./signers.ts";
import { auditStore } from "./store.ts";

/** The audit log: verifiable hash chains of records of who did what (decision 0025). */
export const audit = module("audit", {
  store: auditStore,
  state: ({ keys }) => new Signers(keys),
  uses: { identity },
});
