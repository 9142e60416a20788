import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type } from "#operation/declaration/schema.ts";
import { StoppedRemoval } from "../model.ts";
import { operations } from "../module.ts";

/** Removals that wait for an operator, because more rows are due than one run may delete. */
export const listStoppedRemovals = operations.query("listStoppedRemovals", {
  summary: "List removals that are stopped at their ceiling.",
  allow: operatorOnly(),
  everyTenant: "a removal deletes rows of every organization",
  input: Type.Object({}),
  output: Type.Object({ items: Type.Array(StoppedRemoval) }),
  async run({ store }) {
    const items = (await store.stoppedRemovals()).map(({ stoppedAt, confirmedUntil, ...removal }) => ({
      ...removal,
      stoppedAt: stoppedAt.toISOString(),
      confirmedUntil: confirmedUntil?.toISOString() ?? null,
    }));
    return { items };
  },
});
