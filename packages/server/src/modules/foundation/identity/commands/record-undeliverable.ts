import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Email, Nothing, Type } from "#operation/declaration/schema.ts";
import { MailUndeliverable } from "../events.ts";
import { identity } from "../module.ts";

/** Records that the mail server permanently refuses a user's address. The mail queue calls it. */
export const recordUndeliverable = identity.command("recordUndeliverable", {
  summary: "Record that mails to an address cannot be delivered.",
  allow: operatorOnly(),
  audit: { action: "User.MailUndeliverable", category: "System", severity: "Warning", entity: "User" },
  input: Type.Object({ email: Email }),
  output: Nothing,
  async run({ store, emit, audit, now }, { email }) {
    const row = await store.setUndeliverable(email, now);
    if (row === undefined) return null;
    audit({ entity: { type: "User", id: row.id } });
    emit(MailUndeliverable, { userId: row.id });
    return null;
  },
});
