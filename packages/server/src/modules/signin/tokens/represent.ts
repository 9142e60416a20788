import type { SigningKey } from "./model.ts";
import type { ExchangedTokenRow, SigningKeyRow } from "./store.ts";

export const representKey = ({ id, algorithm, stage, published_at, activated_at, expires_at }: SigningKeyRow): SigningKey => ({
  id,
  algorithm,
  stage,
  publishedAt: published_at.toISOString(),
  activatedAt: activated_at?.toISOString() ?? null,
  expiresAt: expires_at?.toISOString() ?? null,
});

export const representExchange = (row: ExchangedTokenRow) => ({
  id: row.id,
  kind: row.kind,
  organizationId: row.organization_id,
  actor: { kind: row.actor_kind, id: row.actor_id },
  scopes: [...row.scopes],
  reason: row.reason,
  createdAt: row.created_at.toISOString(),
  expiresAt: row.expires_at.toISOString(),
});
