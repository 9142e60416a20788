import { identity } from "#modules/foundation/identity/index.ts";
import { module } from "#operation/declaration/module.ts";
import { Signers } from "./signers.ts";
import { auditStore } from "./store.ts";

/** Who did what, in chains of records that can be verified (decision 0025). */
export const audit = module("audit", {
  store: auditStore,
  state: ({ keys }) => new Signers(keys),
  uses: { identity },
});
