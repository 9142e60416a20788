import { v7 as uuid } from "uuid";
import { module } from "#operation/declaration/module.ts";
import { EmailVerified, MailRetried, PasswordChanged, UserRegistered, UserStatusChanged } from "./events.ts";
import { newUser, type Profile, type SessionFacts, type User, type UserStatus } from "./model.ts";
import { identityStore, toUser, type UserRow } from "./store.ts";

/** Users and their account lifecycle. Credentials belong to the authentication module. */
export const identity = module("identity", {
  store: identityStore,
  readApi: ({ store }) => ({
    sessionFacts: (userId: string): Promise<SessionFacts | undefined> => store.sessionFacts(userId),
    sessionEpochs: (userIds: readonly string[]): Promise<ReadonlyMap<string, number>> => store.sessionEpochs(userIds),
    /** The users that exist among `ids`, by id. */
    async usersById(ids: readonly string[]): Promise<ReadonlyMap<string, User>> {
      return new Map((await store.byIds(ids)).map((row) => [row.id, toUser(row)]));
    },
    /** Ids of users in their order, after `after`. */
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
    /** Locks users until the transaction ends, in the order of their ids. */
    async lockUsers(ids: readonly string[]): Promise<ReadonlyMap<string, User>> {
      return new Map((await store.lockByIds(ids)).map((row) => [row.id, toUser(row)]));
    },
    /** Locks an address, and its user if there is one, until the transaction ends. */
    async lockAddress(email: string): Promise<User | undefined> {
      const row = await store.lockByEmail(email);
      return row && toUser(row);
    },
    /** What a session of the user depends on. Locks it against changes until the transaction ends. */
    lockSessionFacts: (userId: string): Promise<SessionFacts | undefined> => store.lockSessionFacts(userId),
    /** Suspends a locked user and ends their sessions, or reactivates them. An unconfirmed user stays unconfirmed. */
    async setStatus(userId: string, status: "Active" | "Suspended"): Promise<User> {
      const row = (await store.byId(userId)) as UserRow;
      const next = status === "Active" && row.email_verified_at === null ? "PendingConfirmation" : status;
      if (row.status === next) return toUser(row);
      const updated = await store.setStatus(userId, next, now);
      emit(UserStatusChanged, { userId, status: next });
      return toUser(updated);
    },
    /** Creates a user. Call it under the lock of the address. `Active` is for an address that is already trusted. */
    async createUser(user: Profile & { readonly email: string; readonly status: Exclude<UserStatus, "Suspended"> }): Promise<User> {
      const { email, firstName, lastName, locale } = user;
      const row = await store.insert(newUser({ id: uuid(), ...user }, now), now);
      emit(UserRegistered, { userId: row.id, email, firstName, lastName, locale });
      return toUser(row);
    },
    /** Activates an unconfirmed user with the profile of the confirmed registration; undefined if the user is not unconfirmed. */
    async verifyAddress(userId: string, profile?: Profile): Promise<User | undefined> {
      const row = await store.markVerified(userId, profile, now);
      if (row === undefined) return undefined;
      emit(EmailVerified, { userId, email: row.email });
      return toUser(row);
    },
    /** Ends every session of a user after a password change. */
    async endSessionsOfChangedPassword(userId: string): Promise<User> {
      const row = await store.endSessions(userId, now);
      emit(PasswordChanged, { userId });
      return toUser(row);
    },
    /** Clears the undeliverable state of the user's address, because another mail is sent to it. */
    async retryMail({ id, email }: User): Promise<void> {
      await store.setUndeliverable(email, null);
      emit(MailRetried, { userId: id });
    },
  }),
});
