import {
  MailRetried,
  MailUndeliverable,
  PasswordChanged,
  ProfileUpdated,
  type User,
  UserStatusChanged,
} from "#modules/foundation/identity/index.ts";
import { MemberRemoved } from "#modules/organization/tenancy/index.ts";
import type { UserPrincipal } from "#operation/declaration/principal.ts";
import { after, type MaybePromise } from "#operation/kernel/maybe-promise.ts";
import { everyTenant, type ReadHandle } from "#platform/database/database.ts";
import { byField, type Invalidation, LeasedCache } from "#platform/log/leased-cache.ts";
import type { Platform } from "#platform/platform.ts";
import { hashSecret } from "#platform/secrets.ts";
import { activeUserOf, type UserReads } from "./active-user.ts";
import { SessionEnded } from "./events.ts";
import { LastUse, type UsedSession } from "./last-use.ts";
import { isSessionToken } from "./model.ts";
import { sessionStore } from "./store.ts";

/** A live session in the in-process cache, with its user. */
export interface LiveSession extends UsedSession {
  readonly principal: UserPrincipal;
  /** The representation in the API. */
  readonly representation: {
    readonly id: string;
    readonly organizationId: string | null;
    readonly createdAt: string;
    readonly expiresAt: string;
  };
  readonly user: User;
  readonly expiresAt: number;
}

const sessionsMax = 200_000;

const ofUser = byField("userId");
/** Invalidates one session only. The user id is included, because a process of the previous release finds the session by it. */
const ofSession: Invalidation = { fields: ["userId", "sessionId"], tags: ({ data }) => [data["sessionId"] as string] };

/** Finds the session of a token. A session that was ended in any process is refused within the revocation bound. One per process. */
export class SessionCache {
  readonly #platform: Platform;
  readonly #sessions: LeasedCache<string, LiveSession>;
  readonly #lastUse: LastUse;
  readonly #byPrincipal = new WeakMap<UserPrincipal, LiveSession>();
  #userReads: ((db: ReadHandle) => UserReads) | undefined;

  constructor(platform: Platform) {
    this.#platform = platform;
    this.#lastUse = new LastUse(platform);
    this.#sessions = new LeasedCache(platform.log, {
      name: "sessions",
      entriesMax: sessionsMax,
      load: (tokenHash) => this.#readLive(tokenHash),
      isUsable: (session) => !this.#isExpired(session),
      tagsOf: ({ id, principal }) => [id, principal.id],
      revokedBy: {
        [SessionEnded.type]: ofSession,
        [PasswordChanged.type]: ofUser,
        [UserStatusChanged.type]: ofUser,
        [MemberRemoved.type]: ofUser,
      },
      // The session remains valid, with changed user data.
      changedBy: { [ProfileUpdated.type]: ofUser, [MailUndeliverable.type]: ofUser, [MailRetried.type]: ofUser },
    });
    platform.log.onRestart(() => this.#lastUse.clear());
  }

  /** `userReads` binds the other modules' reads to a transaction. */
  start(userReads: (db: ReadHandle) => UserReads): void {
    this.#userReads = userReads;
    this.#lastUse.start();
  }

  stop(): Promise<void> {
    return this.#lastUse.stop();
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** The live session that authenticated the principal. */
  ofPrincipal(principal: UserPrincipal): LiveSession | undefined {
    return this.#byPrincipal.get(principal);
  }

  /** The session of a token; null where there is none, or it has expired. Throws Unavailable where it cannot decide. */
  find(token: string): MaybePromise<LiveSession | null> {
    return isSessionToken(token) ? after(this.#sessions.find(hashSecret(token)), this.#use) : null;
  }

  /** Resolves when all uses of sessions before the call are in the database, also by a pending flush. */
  flush(): Promise<void> {
    return this.#lastUse.flush();
  }

  readonly #use = (session: LiveSession | null): LiveSession | null => {
    if (session !== null) this.#lastUse.record(session);
    return session;
  };

  #isExpired(session: LiveSession): boolean {
    const now = this.#platform.clock.now();
    return now >= session.expiresAt || now - session.lastActiveAt >= this.#platform.settings.sessionIdleSeconds * 1_000;
  }

  async #readLive(tokenHash: string): Promise<LiveSession | null> {
    const session = await this.#readSession(tokenHash);
    if (session === null || this.#isExpired(session)) return null;
    this.#byPrincipal.set(session.principal, session);
    return session;
  }

  #readSession(tokenHash: string): Promise<LiveSession | null> {
    return this.#platform.database.read(everyTenant, async (db) => {
      const row = await sessionStore.reads(db).byTokenHash(tokenHash);
      if (!row || !this.#userReads) return null;
      const user = await activeUserOf(row, this.#userReads(db));
      if (user === undefined) return null;
      const lastActiveAt = row.last_active_at.getTime();
      return {
        principal: {
          kind: "user",
          id: row.user_id,
          organizationId: row.organization_id,
          credential: { kind: "session", id: row.id, authenticatedAt: row.authenticated_at.getTime(), methods: row.authentication_methods },
        },
        id: row.id,
        representation: {
          id: row.id,
          organizationId: row.organization_id,
          createdAt: row.created_at.toISOString(),
          expiresAt: row.expires_at.toISOString(),
        },
        user,
        expiresAt: row.expires_at.getTime(),
        lastActiveAt,
        recordedAt: lastActiveAt,
      };
    });
  }
}
