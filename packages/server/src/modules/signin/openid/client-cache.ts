import { timingSafeEqual } from "node:crypto";
import { ServiceStatusChanged, TenantStatusChanged } from "#modules/authorization/access/index.ts";
import type { ServiceAccountSummary } from "#modules/organization/serviceaccounts/index.ts";
import type { OrganizationStatus } from "#modules/organization/tenancy/index.ts";
import type { Static } from "#operation/declaration/schema.ts";
import type { MaybePromise } from "#operation/kernel/maybe-promise.ts";
import { everyTenant, type ReadHandle } from "#platform/database/database.ts";
import { byField, LeasedCache } from "#platform/log/leased-cache.ts";
import type { Platform } from "#platform/platform.ts";
import { hashSecret } from "#platform/secrets.ts";
import type { ActiveClient } from "./active-client.ts";
import type { ClientDocuments } from "./client-documents.ts";
import { ClientDeleted, ClientSecretDeleted, ClientSecretRotated, ClientUpdated } from "./events.ts";
import { isClientSecret } from "./model.ts";
import { toClient } from "./represent.ts";
import type { ClientRow } from "./store/clients.ts";
import { openidStore } from "./store.ts";

/** Reads of other modules about the owners of clients. */
export interface ClientOwnerReads {
  readonly serviceaccounts: { serviceAccount(id: string): Promise<ServiceAccountSummary | undefined> };
  readonly tenancy: { organizationStatus(id: string): Promise<Static<typeof OrganizationStatus> | undefined> };
}

/** Some kilobytes each, more with many keys. */
const clientsMax = 20_000;
const idForm = /^[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}$/;

/**
 * Finds active clients by their id. A client that was suspended, changed or deleted in any process, or whose organization or service account
 * was, is found as it is within the revocation bound. One per process.
 */
export class ClientCache {
  readonly #platform: Platform;
  readonly #clients: LeasedCache<string, ActiveClient>;
  readonly #documents: ClientDocuments;
  #ownerReads: ((db: ReadHandle) => ClientOwnerReads) | undefined;

  constructor(platform: Platform, documents: ClientDocuments) {
    this.#platform = platform;
    this.#documents = documents;
    this.#clients = new LeasedCache(platform.log, {
      name: "OAuth clients",
      entriesMax: clientsMax,
      load: (id) => this.#readActive(id),
      tagsOf: ({ organizationId, serviceAccountId }) => [organizationId, serviceAccountId].filter((tag) => tag !== null),
      revokedBy: {
        [ClientUpdated.type]: byField("clientId"),
        [ClientDeleted.type]: byField("clientId"),
        [ClientSecretRotated.type]: byField("clientId"),
        [ClientSecretDeleted.type]: byField("clientId"),
        [TenantStatusChanged.type]: byField("organizationId"),
        [ServiceStatusChanged.type]: byField("serviceId"),
      },
    });
  }

  /** `ownerReads` binds the other modules' reads to a transaction. */
  start(ownerReads: (db: ReadHandle) => ClientOwnerReads): void {
    this.#ownerReads = ownerReads;
  }

  /**
   * The client with this `client_id`; null where there is none, or it may get no tokens: it, its organization or its service account is
   * suspended. Throws Unavailable where it cannot decide.
   */
  find(clientId: string): MaybePromise<ActiveClient | null> {
    return idForm.test(clientId) ? this.#clients.find(clientId) : this.#documents.find(clientId);
  }

  /**
   * Whether `secret` is a valid secret of the client. Takes the same time for every secret of the right form, and where there is no client, but
   * for the number of the client's secrets.
   */
  verifySecret(client: Pick<ActiveClient, "secrets"> | null, secret: string): boolean {
    return verifyClientSecret(client, secret, new Date(this.#platform.clock.now()));
  }

  #readActive(id: string): Promise<ActiveClient | null> {
    return this.#platform.database.read(everyTenant, async (db) => {
      const store = openidStore.reads(db);
      const row = await store.clientById(id);
      if (row === undefined || this.#ownerReads === undefined || !(await mayGetTokens(row, this.#ownerReads(db)))) return null;
      const valid = await store.validSecrets([id], new Date(this.#platform.clock.now()));
      const { secrets: _, status: __, version: ___, ...client } = toClient(row, []);
      return { ...client, secrets: valid.map(({ secret_hash, expires_at }) => ({ hash: secret_hash, expiresAt: expires_at })) };
    });
  }
}

async function mayGetTokens(row: ClientRow, owners: ClientOwnerReads): Promise<boolean> {
  if (row.status !== "Active") return false;
  if (row.organization_id !== null && (await owners.tenancy.organizationStatus(row.organization_id)) !== "Active") return false;
  if (row.service_account_id === null) return true;
  return (await owners.serviceaccounts.serviceAccount(row.service_account_id))?.status === "Active";
}

const noSecret = { hash: "0".repeat(hashSecret("").length), expiresAt: null };

/** See {@link ClientCache.verifySecret}. Compares with every secret, so that the time does not tell which of them is close. */
export function verifyClientSecret(client: Pick<ActiveClient, "secrets"> | null, secret: string, now: Date): boolean {
  if (!isClientSecret(secret)) return false;
  const given = Buffer.from(hashSecret(secret));
  let isValid = false;
  for (const { hash, expiresAt } of client?.secrets ?? [noSecret]) {
    const isSame = timingSafeEqual(Buffer.from(hash), given);
    if (isSame && (expiresAt === null || now < expiresAt)) isValid = true;
  }
  return isValid;
}
