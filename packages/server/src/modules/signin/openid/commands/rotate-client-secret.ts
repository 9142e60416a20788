import { scoped } from "#operation/declaration/authorization.ts";
import { Type, Uuid } from "#operation/declaration/schema.ts";
import { authorityErrors, authorityOf, requireAuthorityHeld, requireUnchanged } from "../client-authority.ts";
import { ClientNotFound, TooManySecrets, UsesNoSecret } from "../errors.ts";
import { ClientSecretRotated, clientEventData } from "../events.ts";
import { makeClientSecret } from "../make-client-secret.ts";
import { ClientWithSecret, secretsMax, usesSecret } from "../model.ts";
import { openid } from "../module.ts";
import { representOne } from "../represent.ts";
import { tenantOfClient } from "../tenant-of-client.ts";

const daySeconds = 86_400;
/** A week is enough to replace the secret wherever it is used. */
const overlapSecondsMax = 7 * daySeconds;

/**
 * Gives a client a new secret. Its earlier secrets are valid until the overlap ends; without an overlap they end at once. Only this answer has
 * the secret.
 */
export const rotateClientSecret = openid.command("rotateClientSecret", {
  http: "POST /api/v1/clients/:clientId/secrets",
  summary: "Give an OAuth client a new secret; its earlier ones remain valid for an overlap.",
  allow: scoped({ tenant: "Organization.ManageClients", internal: "Client.Manage" }),
  audit: { action: "Client.SecretRotated", category: "Security", severity: "Warning", entity: "Client" },
  absent: ClientNotFound,
  status: 201,
  versioned: true,
  input: Type.Object({
    clientId: Uuid,
    overlapSeconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: overlapSecondsMax,
        default: daySeconds,
        description: "How long the earlier secrets remain valid.",
      }),
    ),
  }),
  output: ClientWithSecret,
  errors: [ClientNotFound, UsesNoSecret, TooManySecrets, ...authorityErrors],
  tenant: tenantOfClient,
  async prepare(context, { clientId }) {
    const row = (await context.reading((store) => store.clientById(clientId))) ?? context.fail(ClientNotFound);
    return requireAuthorityHeld(context, await authorityOf(context, row));
  },
  async run(context, { clientId, overlapSeconds = daySeconds }, checked) {
    const { store, emit, fail, audit, expectVersion, now } = context;
    const row = (await store.lockClient(clientId)) ?? fail(ClientNotFound);
    expectVersion(row.version);
    if (!usesSecret(row.token_endpoint_auth_method)) fail(UsesNoSecret);
    const { organization_id: organizationId, service_account_id: serviceAccountId, scopes } = row;
    await requireUnchanged(context, { organizationId, scopes, serviceAccountId }, checked);
    const until = new Date(now.getTime() + overlapSeconds * 1_000);
    await store.expireSecrets(row.id, until);
    await store.deleteExpiredSecrets(row.id, now);
    if ((await store.validSecrets([row.id], now)).length >= secretsMax) fail(TooManySecrets);
    const { clientSecret, row: made } = await makeClientSecret(store, row, now);
    const client = await representOne(store, await store.touchClient(row.id, now), now);
    const earlierSecretsExpireAt = until.toISOString();
    audit({ after: { secretId: made.id, earlierSecretsExpireAt } });
    emit(ClientSecretRotated, { ...clientEventData(row), secretId: made.id, earlierSecretsExpireAt });
    return { ...client, clientSecret };
  },
});
