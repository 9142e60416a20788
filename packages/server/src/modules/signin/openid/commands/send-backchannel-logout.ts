import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { logoutToken } from "../logout-token.ts";
import { openid } from "../module.ts";

/** Tells a client that a session of a user has ended. Fails where the client does not accept it, so that the job is retried. */
export const sendBackchannelLogout = openid.command("sendBackchannelLogout", {
  summary: "Tell a client that a session has ended.",
  allow: operatorOnly(),
  audit: { action: "Client.ToldOfLogout", category: "Security", severity: "Info", entity: "Client" },
  everyTenant: "a client's users are of every organization",
  input: Type.Object({ clientId: Uuid, userId: Uuid, sessionId: Uuid }),
  output: Type.Object({ sent: Type.Boolean() }),
  async prepare({ state, cached, services, now }, ended) {
    const client = await state.clients.find(ended.clientId);
    if (client === null || client.backchannelLogoutUri === null) return false;
    const token = await logoutToken(await cached.tokens.keySet(), services.settings.publicUrl, ended, now);
    const { status } = await state.fetch(client.backchannelLogoutUri, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ logout_token: token }),
    });
    if (status !== 200 && status !== 204) throw new Error(`the client answered with ${status}`);
    return true;
  },
  async run({ audit }, { clientId, userId, sessionId }, sent) {
    audit({ entity: { type: "Client", id: clientId }, after: { userId, sessionId, sent } });
    return { sent };
  },
});
