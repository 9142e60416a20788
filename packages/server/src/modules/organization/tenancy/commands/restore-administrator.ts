import { operatorOnly } from "#operation/authorization.ts";
import { Email, Type } from "#operation/schema.ts";
import { UserUnknown } from "../errors.ts";
import { Membership } from "../model.ts";
import { tenancy } from "../module.ts";
import { representMember } from "../represent.ts";
import { restoreHolder } from "../restore-holder.ts";

/** Makes a user an active internal administrator from the command line, whatever was taken from them (`gatehouse user restore`). */
export const restoreAdministrator = tenancy.command("restoreAdministrator", {
  summary: "Make a user an active internal administrator, and nothing else there.",
  allow: operatorOnly(),
  input: Type.Object({ email: Email }),
  output: Membership,
  errors: [UserUnknown],
  tenant: () => null,
  async run(context, { email }) {
    const { store, uses, audit } = context;
    await store.lockInternalScope();
    const role = (await uses.access.administratorRole()) as string;
    const row = await restoreHolder(context, email, null, role);
    audit({ entity: { type: "User", id: row.user_id }, after: { roleIds: [role] } });
    return representMember(uses.access, row);
  },
});
