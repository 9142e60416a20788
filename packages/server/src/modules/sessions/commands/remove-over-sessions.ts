import { operatorOnly } from "../../../operation/authorization.ts";
import { Nothing, Type } from "../../../operation/schema.ts";
import { sessions } from "../module.ts";

/** Deletes the rows of sessions whose time is over; they have been refused since. */
export const removeOverSessions = sessions.command("removeOverSessions", {
  summary: "Delete sessions that are over.",
  allow: operatorOnly(),
  everyTenant: "the schedule serves every organization",
  input: Type.Object({}),
  output: Nothing,
  async run({ store, now, platform }) {
    await store.removeOver(now, new Date(now.getTime() - platform.settings.sessionIdleSeconds * 1_000));
    return null;
  },
});
