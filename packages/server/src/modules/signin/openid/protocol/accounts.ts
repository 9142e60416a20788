import { PasswordChanged, ProfileUpdated, type User, UserStatusChanged } from "#modules/foundation/identity/index.ts";
import type { MaybePromise } from "#operation/kernel/maybe-promise.ts";
import { everyTenant, type ReadHandle } from "#platform/database/database.ts";
import { byField, LeasedCache } from "#platform/log/leased-cache.ts";
import type { Platform } from "#platform/platform.ts";

/** Some hundred bytes each. */
const accountsMax = 100_000;

export interface AccountReads {
  readonly identity: { userById(id: string): Promise<User | undefined> };
}

/** The active users, for tokens and claims. A user who was suspended in any process gets none within the revocation bound. One per process. */
export class Accounts {
  readonly #users: LeasedCache<string, User>;
  #reads: ((db: ReadHandle) => AccountReads) | undefined;

  constructor(platform: Platform) {
    this.#users = new LeasedCache(platform.log, {
      name: "accounts of tokens",
      entriesMax: accountsMax,
      load: (userId) =>
        platform.database.read(everyTenant, async (db) => {
          const user = await this.#reads?.(db).identity.userById(userId);
          return user?.status === "Active" ? user : null;
        }),
      revokedBy: { [UserStatusChanged.type]: byField("userId"), [PasswordChanged.type]: byField("userId") },
      changedBy: { [ProfileUpdated.type]: byField("userId") },
    });
  }

  /** `reads` binds the other modules' reads to a transaction. */
  start(reads: (db: ReadHandle) => AccountReads): void {
    this.#reads = reads;
  }

  /** The user; null where they do not exist or are not active. Throws Unavailable where it cannot decide. */
  find(userId: string): MaybePromise<User | null> {
    return this.#users.find(userId);
  }
}
