import { v7 as uuid } from "uuid";
import { identity } from "#modules/foundation/identity/index.ts";
import { tenancy } from "#modules/organization/tenancy/index.ts";
import { module } from "#operation/declaration/module.ts";
import { hashSecret, newSecret } from "#platform/secrets.ts";
import { activeUserOf, isExpired } from "./active-user.ts";
import { type EndedReason, ended, SessionEnded, SessionStarted } from "./events.ts";
import { tokenPrefix } from "./model.ts";
import { SessionCache } from "./session-cache.ts";
import { endBatchSize, type SessionRow, sessionStore } from "./store.ts";

export interface NewSession {
  readonly userId: string;
  readonly organizationId: string | null;
  readonly userEpoch: number;
  /** The authentication methods (RFC 8176). */
  readonly methods: readonly string[];
  readonly ipAddress: string | null;
  readonly userAgent: string | null;
  readonly absoluteSeconds: number;
  /** The party that authenticated the user. Default: `local`, this product. */
  readonly authProvider?: string;
  /** Whether the session has a refresh token: it does not expire by disuse then. */
  readonly renewable?: boolean;
  /** The most sessions of the user; above it, the oldest are ended. */
  readonly sessionsMax: number;
}

/** A session that is neither ended nor past its absolute limit, of an active user. */
export interface SessionFacts {
  readonly id: string;
  readonly userId: string;
  readonly organizationId: string | null;
  readonly methods: readonly string[];
  readonly authenticatedAt: Date;
  readonly authProvider: string;
  readonly expiresAt: Date;
}

const factsOf = (row: SessionRow): SessionFacts => ({
  id: row.id,
  userId: row.user_id,
  organizationId: row.organization_id,
  methods: row.authentication_methods,
  authenticatedAt: row.authenticated_at,
  authProvider: row.auth_provider,
  expiresAt: row.expires_at,
});

/** The sessions of signed-in users. */
export const sessions = module("sessions", {
  store: sessionStore,
  state: (platform) => new SessionCache(platform),
  uses: { identity, tenancy },
  readApi: ({ store, uses, now }) => ({
    /** Whether a token is valid, as {@link SessionCache} decides. For callers that return a stored token again. */
    async isLive(token: string, idleSeconds: number): Promise<boolean> {
      const row = await store.byTokenHash(hashSecret(token));
      if (row === undefined || isExpired(row, now, idleSeconds)) return false;
      const { identity, tenancy } = uses;
      return (await activeUserOf(row, { ...identity, ...tenancy })) !== undefined;
    },
    /** The session of a token; undefined where it has ended or expired, or its user is not active. Disuse does not count. */
    async session(id: string): Promise<SessionFacts | undefined> {
      const row = await store.byId(id);
      if (row === undefined || now >= row.expires_at) return undefined;
      const { identity, tenancy } = uses;
      return (await activeUserOf(row, { ...identity, ...tenancy })) && factsOf(row);
    },
  }),
  writeApi: ({ store, uses, emit, now }) => ({
    /** Starts a session. Returns the token, of which only the hash is stored. */
    async begin(session: NewSession): Promise<SessionFacts & { readonly token: string }> {
      const token = newSecret(tokenPrefix);
      const row = await store.insert({
        id: uuid(),
        user_id: session.userId,
        organization_id: session.organizationId,
        token: hashSecret(token),
        user_epoch: session.userEpoch,
        authentication_methods: session.methods,
        authenticated_at: now,
        auth_provider: session.authProvider ?? "local",
        renewable: session.renewable ?? false,
        ip_address: session.ipAddress,
        user_agent: session.userAgent,
        expires_at: new Date(now.getTime() + session.absoluteSeconds * 1_000),
        created_at: now,
        last_active_at: now,
      });
      emit(SessionStarted, { sessionId: row.id, userId: row.user_id, organizationId: row.organization_id });
      for (const oldest of await store.endOldest(row.user_id, session.sessionsMax)) emit(SessionEnded, ended(oldest, "too_many"));
      return { ...factsOf(row), token };
    },
    /** Records a use of a session, and locks it until the transaction ends; undefined as for `session`. */
    async use(id: string): Promise<SessionFacts | undefined> {
      const row = await store.use(id, now);
      if (row === undefined) return undefined;
      const { identity, tenancy } = uses;
      return (await activeUserOf(row, { ...identity, ...tenancy })) && factsOf(row);
    },
    /** Makes a session one with a refresh token: it does not expire by disuse. */
    makeRenewable: (id: string): Promise<void> => store.makeRenewable(id),
    /** Ends a session of a user. False where there is none. */
    async end(userId: string, sessionId: string, reason: EndedReason): Promise<boolean> {
      const row = await store.end(userId, sessionId);
      if (row !== undefined) emit(SessionEnded, ended(row, reason));
      return row !== undefined;
    },
    /** Ends some of the sessions that a user has started before the transaction. Returns whether there may be more. */
    async endSome(userId: string, reason: EndedReason): Promise<boolean> {
      const rows = await store.endBatch({ userId, until: now });
      for (const row of rows) emit(SessionEnded, ended(row, reason));
      return rows.length === endBatchSize;
    },
  }),
});
