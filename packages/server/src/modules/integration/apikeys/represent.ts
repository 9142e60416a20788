import type { ApiKey } from "./model.ts";
import type { ApiKeyRow } from "./store.ts";

/** `active` until the key is revoked or expires. The status of the owner is not part of it. */
export const statusAt = ({ revoked_at, expires_at }: Pick<ApiKeyRow, "revoked_at" | "expires_at">, now: Date) =>
  revoked_at !== null ? "revoked" : expires_at !== null && expires_at <= now ? "expired" : "active";

export const toApiKey = (row: ApiKeyRow, now: Date): ApiKey => ({
  id: row.id,
  organizationId: row.organization_id,
  owner: { kind: row.owner_kind, id: row.owner_id },
  prefix: row.prefix,
  name: row.name,
  allowedNetworks: row.allowed_networks === null ? null : [...row.allowed_networks],
  rateLimit: row.rate_limit,
  operationRateLimits: row.operation_rate_limits,
  scopes: [...row.scopes],
  status: statusAt(row, now),
  expiresAt: row.expires_at?.toISOString() ?? null,
  createdBy: row.created_by_kind === null || row.created_by_id === null ? null : { kind: row.created_by_kind, id: row.created_by_id },
  createdAt: row.created_at.toISOString(),
  updatedAt: row.updated_at.toISOString(),
  lastUsedAt: row.last_used_at?.toISOString() ?? null,
  revokedAt: row.revoked_at?.toISOString() ?? null,
  revokedReason: row.revoked_reason,
  successorId: row.successor_id,
  version: row.version,
});
