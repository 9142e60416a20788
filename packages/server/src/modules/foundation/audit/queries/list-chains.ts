import { operatorOnly } from "#operation/declaration/authorization.ts";
import { nullable, Paging, Type } from "#operation/declaration/schema.ts";
import { Checkpoint } from "../model.ts";
import { audit } from "../module.ts";
import { toCheckpoint } from "../represent.ts";

/** Lists the signed heads of the chains, for verification and for a checkpoint file. */
export const listChains = audit.query("listChains", {
  summary: "List the audit chains with their signed heads.",
  allow: operatorOnly(),
  everyTenant: "the operator sees every chain",
  input: Type.Object({ ...Paging }),
  output: Type.Object({ items: Type.Array(Checkpoint), nextCursor: nullable(Type.String()) }),
  async run({ store, page }, input) {
    const { fetch, after, cut } = page(input);
    const rows = await store.chainsAfter(after === undefined ? undefined : (after[0] as string), fetch);
    const { rows: heads, nextCursor } = cut(rows, ({ organization_id }) => [organization_id ?? lastId]);
    const keys = await store.signingKeys();
    return { items: heads.map((row) => toCheckpoint(row, keys)), nextCursor };
  },
});

/** The cursor of the internal chain, which comes last: no id is larger. */
const lastId = "ffffffff-ffff-ffff-ffff-ffffffffffff";
