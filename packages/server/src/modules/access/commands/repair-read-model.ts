import { v7 as uuid } from "uuid";
import { operatorOnly } from "../../../operation/authorization.ts";
import { Nothing, Type } from "../../../operation/schema.ts";
import { ReadModelChanged } from "../events.ts";
import { access } from "../module.ts";

/** Computes parts of the read model anew from the tables, after a check has found them missing (decision 0002). */
export const repairReadModel = access.command("repairReadModel", {
  summary: "Put missing parts of the access read model back.",
  allow: operatorOnly(),
  everyTenant: "the read model serves every tenant",
  input: Type.Object({ keys: Type.Array(Type.String({ maxLength: 300 }), { minItems: 1, maxItems: 1_000 }) }),
  output: Nothing,
  async run({ store, uses, emit }, { keys }) {
    // The projector and this one after the other: what is computed first must not be written last.
    await store.lockReadModel();
    const statuses = async (ids: readonly string[]) =>
      new Map([...(await uses.identity.usersById(ids))].map(([id, user]) => [id, user.status]));
    const { parts } = await store.project(keys, statuses);
    emit(ReadModelChanged, { changeId: uuid(), handled: [], keys: parts.map(({ key }) => key) });
    return null;
  },
});
