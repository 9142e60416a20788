import { v7 as uuid } from "uuid";
import { notifications } from "#modules/foundation/notifications/index.ts";
import { module } from "#operation/module.ts";
import { UserRegistered, UserStatusChanged } from "./events.ts";
import type { SessionFacts, SignInFacts, User } from "./model.ts";
import { identityStore, toUser } from "./store.ts";

/** People, their credentials and the life of their accounts (S3 §6.1 users, §8 use cases 8.1). */
export const identity = module("identity", {
  store: identityStore,
  uses: { notifications },
  readApi: ({ store }) => ({
    hashKinds: (): Promise<readonly string[]> => store.hashKinds(),
    signInFacts: (email: string): Promise<SignInFacts | undefined> => store.signInFacts(email),
    sessionFacts: (userId: string): Promise<SessionFacts | undefined> => store.sessionFacts(userId),
    sessionEpochs: (userIds: readonly string[]): Promise<ReadonlyMap<string, number>> => store.sessionEpochs(userIds),
    /** The users that exist among `ids`, by id. */
    async usersById(ids: readonly string[]): Promise<ReadonlyMap<string, User>> {
      return new Map((await store.byIds(ids)).map((row) => [row.id, toUser(row)]));
    },
    /** Ids of users in their order, from `after` on. */
    async userIds(after: string | undefined, limit: number): Promise<readonly string[]> {
      return (await store.page(after, limit)).map(({ id }) => id);
    },
    async userById(id: string): Promise<User | undefined> {
      const row = await store.byId(id);
      return row && toUser(row);
    },
    async userByEmail(email: string): Promise<User | undefined> {
      const row = await store.byEmail(email);
      return row && toUser(row);
    },
  }),
  writeApi: ({ store, emit, now }) => ({
    replaceHash: (userId: string, from: string, to: string): Promise<void> => store.replaceHash(userId, from, to),
    /** Locks users until the transaction ends, in the order of their ids. */
    async lockUsers(ids: readonly string[]): Promise<ReadonlyMap<string, User>> {
      return new Map((await store.lockByIds(ids)).map((row) => [row.id, toUser(row)]));
    },
    /** Suspends a locked user, which ends every session at once, or lets them in again. An unconfirmed user stays unconfirmed. */
    async setStatus(userId: string, status: "Active" | "Suspended"): Promise<User> {
      const row = (await store.byId(userId)) as NonNullable<Awaited<ReturnType<typeof store.byId>>>;
      const next = status === "Active" && row.email_verification_token !== null ? "PendingConfirmation" : status;
      if (row.status === next) return toUser(row);
      const updated = await store.setStatus(userId, next, now);
      emit(UserStatusChanged, { userId, status: next });
      return toUser(updated);
    },
    /** Makes an active user whose address somebody with the machine vouches for; undefined where the address is taken. */
    async createActiveUser(user: {
      email: string;
      passwordHash: string;
      firstName: string;
      lastName: string;
      locale: string;
    }): Promise<User | undefined> {
      if (await store.lockByEmail(user.email)) return undefined;
      const row = await store.insert({
        id: uuid(),
        email: user.email,
        password_hash: user.passwordHash,
        status: "Active",
        first_name: user.firstName,
        last_name: user.lastName,
        locale: user.locale,
        password_reset_token: null,
        password_reset_token_expires_at: null,
        email_verification_token: null,
        email_verification_token_expires_at: null,
        created_at: now,
        updated_at: now,
      });
      emit(UserRegistered, { userId: row.id, email: row.email, firstName: row.first_name, lastName: row.last_name, locale: row.locale });
      return toUser(row);
    },
  }),
});
