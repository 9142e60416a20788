import { defineEvent } from "#operation/declaration/event.ts";
import { nullable, Timestamp, Type, Uuid } from "#operation/declaration/schema.ts";
import { ClientKindInAnswer, ClientStatus } from "./model.ts";
import type { ClientRow } from "./store/clients.ts";

/** `organizationId` is null for a global client. */
const client = { clientId: Uuid, organizationId: nullable(Uuid), kind: ClientKindInAnswer };
const about = { subject: ["oauth-client", "clientId"], tenant: "organizationId" } as const;
const settings = Type.Object({ ...client, name: Type.String(), status: ClientStatus, scopes: Type.Array(Type.String()) });

export const ClientCreated = defineEvent({
  type: "oauth_client.created.v1",
  summary: "An OAuth client was created.",
  ...about,
  data: settings,
});

export const ClientUpdated = defineEvent({
  type: "oauth_client.updated.v1",
  summary: "The settings or the status of an OAuth client changed.",
  ...about,
  data: settings,
});

export const ClientDeleted = defineEvent({
  type: "oauth_client.deleted.v1",
  summary: "An OAuth client was deleted. Clients that end with their organization or service account emit no event of their own.",
  ...about,
  data: Type.Object(client),
});

export const ClientSecretRotated = defineEvent({
  type: "oauth_client.secret_rotated.v1",
  summary: "An OAuth client got a new secret. Its earlier secrets are valid until the overlap ends.",
  ...about,
  data: Type.Object({ ...client, secretId: Uuid, earlierSecretsExpireAt: Timestamp }),
});

export const ClientSecretDeleted = defineEvent({
  type: "oauth_client.secret_deleted.v1",
  summary: "A secret of an OAuth client was deleted.",
  ...about,
  data: Type.Object({ ...client, secretId: Uuid }),
});

export const clientEventData = ({ id, organization_id, kind }: ClientRow) => ({ clientId: id, organizationId: organization_id, kind });

export const clientSettingsEventData = (row: ClientRow) => ({
  ...clientEventData(row),
  name: row.name,
  status: row.status,
  scopes: [...row.scopes],
});

export const events = [ClientCreated, ClientUpdated, ClientDeleted, ClientSecretRotated, ClientSecretDeleted];
