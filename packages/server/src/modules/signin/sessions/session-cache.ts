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
import { SessionEnded } from "./events.ts";
import { LastUse, type UsedSession } from "./last-use.ts";
import { livePerson, type People } from "./live-person.ts";
import { isSessionToken } from "./model.ts";
import { sessionStore } from "./store.ts";

/** A live session in this process, with the person whose it is. */
export interface LiveSession extends UsedSession {
  readonly principal: UserPrincipal;
  /** As the API shows it. */
  readonly shown: { readonly id: string; readonly organizationId: string | null; readonly createdAt: string; readonly expiresAt: string };
  readonly user: User;
  readonly expiresAt: number;
}

const sessionsMax = 200_000;

const ofUser = byField("userId");
/** The user's other sessions are not affected. The user is told all the same: a process of the release before finds the session by them. */
const ofSession: Invalidation = { fields: ["userId", "sessionId"], tags: ({ data }) => [data["sessionId"] as string] };

/** Tells whose session a token belongs to. A session that was ended anywhere is refused here within the revocation bound. One a process. */
export class SessionCache {
  readonly #platform: Platform;
  readonly #sessions: LeasedCache<string, LiveSession>;
  readonly #lastUse: LastUse;
  readonly #byPrincipal = new WeakMap<UserPrincipal, LiveSession>();
  #people: ((db: ReadHandle) => People) | undefined;

  constructor(platform: Platform) {
    this.#platform = platform;
    this.#lastUse = new LastUse(platform);
    this.#sessions = new LeasedCache(platform.log, {
      name: "sessions",
      entriesMax: sessionsMax,
      load: (tokenHash) => this.#readLive(tokenHash),
      isUsable: (session) => !this.#isOver(session),
      tagsOf: ({ id, principal }) => [id, principal.id],
      revokedBy: {
        [SessionEnded.type]: ofSession,
        [PasswordChanged.type]: ofUser,
        [UserStatusChanged.type]: ofUser,
        [MemberRemoved.type]: ofUser,
      },
      // The session goes on, and shows another user.
      changedBy: { [ProfileUpdated.type]: ofUser, [MailUndeliverable.type]: ofUser, [MailRetried.type]: ofUser },
    });
    platform.log.onRestart(() => this.#lastUse.clear());
  }

  /** `people` binds the other modules' answers to a read. */
  start(people: (db: ReadHandle) => People): void {
    this.#people = people;
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

  /** The session of a token; null when there is none, or it is over. Throws Unavailable when that cannot be known. */
  find(token: string): MaybePromise<LiveSession | null> {
    return isSessionToken(token) ? after(this.#sessions.find(hashSecret(token)), this.#use) : null;
  }

  /** Records when sessions were last used. Resolves when everything used before the call is recorded, also by a flush under way. */
  flush(): Promise<void> {
    return this.#lastUse.flush();
  }

  readonly #use = (session: LiveSession | null): LiveSession | null => {
    if (session !== null) this.#lastUse.note(session);
    return session;
  };

  #isOver(session: LiveSession): boolean {
    const now = this.#platform.clock.now();
    return now >= session.expiresAt || now - session.lastActiveAt >= this.#platform.settings.sessionIdleSeconds * 1_000;
  }

  async #readLive(tokenHash: string): Promise<LiveSession | null> {
    const session = await this.#readSession(tokenHash);
    if (session === null || this.#isOver(session)) return null;
    this.#byPrincipal.set(session.principal, session);
    return session;
  }

  #readSession(tokenHash: string): Promise<LiveSession | null> {
    return this.#platform.database.read(everyTenant, async (db) => {
      const row = await sessionStore.reads(db).byTokenHash(tokenHash);
      if (!row || !this.#people) return null;
      const user = await livePerson(row, this.#people(db));
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
        shown: {
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
