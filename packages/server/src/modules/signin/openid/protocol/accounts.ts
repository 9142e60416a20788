import { PasswordChanged, ProfileUpdated, type User, UserStatusChanged } from "#modules/foundation/identity/index.ts";
import { MemberRemoved } from "#modules/organization/tenancy/index.ts";
import { SessionEnded, type SessionFacts } from "#modules/signin/sessions/index.ts";
import type { MaybePromise } from "#operation/kernel/maybe-promise.ts";
import { everyTenant, type ReadHandle } from "#platform/database/database.ts";
import { byField, LeasedCache } from "#platform/log/leased-cache.ts";
import type { Platform } from "#platform/platform.ts";

/** The user of a live session. */
export interface SessionAccount {
  readonly session: SessionFacts;
  readonly user: User;
}

/** Some hundred bytes each. */
const accountsMax = 100_000;

export interface AccountReads {
  readonly identity: { userById(id: string): Promise<User | undefined> };
  readonly sessions: { session(id: string): Promise<SessionFacts | undefined> };
}

/**
 * The users of live sessions, for tokens and claims. A session that ended in any process, or whose user was suspended, gives no more tokens within
 * the revocation bound. One per process.
 */
export class Accounts {
  readonly #platform: Platform;
  readonly #accounts: LeasedCache<string, SessionAccount>;
  #reads: ((db: ReadHandle) => AccountReads) | undefined;

  constructor(platform: Platform) {
    this.#platform = platform;
    this.#accounts = new LeasedCache(platform.log, {
      name: "accounts of sessions",
      entriesMax: accountsMax,
      load: (sessionId) => platform.database.read(everyTenant, (db) => this.#load(sessionId, db)),
      isUsable: ({ session }) => session.expiresAt.getTime() > platform.clock.now(),
      tagsOf: ({ user }) => [user.id],
      revokedBy: {
        [SessionEnded.type]: { fields: ["userId", "sessionId"], tags: ({ data }) => [data["sessionId"] as string] },
        [UserStatusChanged.type]: byField("userId"),
        [PasswordChanged.type]: byField("userId"),
        [MemberRemoved.type]: byField("userId"),
      },
      changedBy: { [ProfileUpdated.type]: byField("userId") },
    });
  }

  /** `reads` binds the other modules' reads to a transaction. */
  start(reads: (db: ReadHandle) => AccountReads): void {
    this.#reads = reads;
  }

  /** The account of a session; null where it is not live. Throws Unavailable where it cannot decide. */
  find(sessionId: string): MaybePromise<SessionAccount | null> {
    return this.#accounts.find(sessionId);
  }

  /** Seconds until the session ends by its absolute limit; at least one, which is the least that the library takes. */
  secondsLeft({ expiresAt }: SessionFacts): number {
    return Math.max(1, Math.floor((expiresAt.getTime() - this.#platform.clock.now()) / 1_000));
  }

  async #load(sessionId: string, db: ReadHandle): Promise<SessionAccount | null> {
    const reads = this.#reads?.(db);
    const session = await reads?.sessions.session(sessionId);
    const user = session && (await reads?.identity.userById(session.userId));
    return session !== undefined && user !== undefined ? { session, user } : null;
  }
}
