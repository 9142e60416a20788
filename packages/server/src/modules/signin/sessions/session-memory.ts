import { LRUCache } from "lru-cache";
import {
  MailRetried,
  MailUndeliverable,
  PasswordChanged,
  ProfileUpdated,
  type User,
  UserStatusChanged,
} from "#modules/foundation/identity/index.ts";
import { MemberRemoved } from "#modules/organization/tenancy/index.ts";
import type { UserCaller } from "#operation/caller.ts";
import type { MaybePromise } from "#operation/maybe-promise.ts";
import { everyTenant, type ReadHandle } from "#platform/database/database.ts";
import type { LoggedEvent } from "#platform/log/event.ts";
import type { Endings } from "#platform/log/follower.ts";
import type { Platform } from "#platform/platform.ts";
import { hashSecret } from "#platform/secrets.ts";
import { Unavailable } from "#platform/unavailable.ts";
import { SessionEnded } from "./events.ts";
import { livePerson, type People } from "./live-person.ts";
import { isSessionToken } from "./model.ts";
import { sessionStore } from "./store.ts";

/** A live session in memory, with the person whose it is. */
export interface LiveSession {
  readonly caller: UserCaller;
  readonly id: string;
  /** As the API shows it. */
  readonly shown: { readonly id: string; readonly organizationId: string | null; readonly createdAt: string; readonly expiresAt: string };
  readonly user: User;
  readonly expiresAt: number;
  /** Last use that this process knows of, and the last that it has told the database; milliseconds. */
  lastActiveAt: number;
  recordedAt: number;
}

const sessionsMax = 200_000;
/** Uses within this time are one use to the database: idle limits are counted in minutes. */
const recordEveryMs = 60_000;
const flushEveryMs = 5_000;

/** By these a session may be over. */
const endings: Endings = {
  [SessionEnded.type]: ["userId", "sessionId"],
  [PasswordChanged.type]: ["userId"],
  [UserStatusChanged.type]: ["userId"],
  [MemberRemoved.type]: ["userId"],
};
/** After these a session is read anew; by the others it shows another user, and goes on. */
const forgottenBy = new Set([...Object.keys(endings), ProfileUpdated.type, MailUndeliverable.type, MailRetried.type]);

/** Stands for the sessions of all users. */
const everyone = "*";

/**
 * Tells who a session token belongs to: from memory while the log is heard, else from the database (ARCHITECTURE, idea 9).
 * A session that was ended anywhere is forgotten here as soon as the log tells of it. One a process.
 */
export class SessionMemory {
  readonly #platform: Platform;
  readonly #live = new LRUCache<string, LiveSession>({
    max: sessionsMax,
    dispose: (session, tokenHash) => this.#unlink(session, tokenHash),
  });
  readonly #byUser = new Map<string, Set<string>>();
  readonly #used = new Map<string, LiveSession>();
  readonly #byCaller = new WeakMap<UserCaller, LiveSession>();
  #people: ((db: ReadHandle) => People) | undefined;
  /** For each read that is under way, whose sessions were changed since it began: it must not be kept after that. */
  readonly #reads = new Set<Set<string>>();
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> = Promise.resolve();

  constructor(platform: Platform) {
    this.#platform = platform;
    platform.log.onEvent((event) => this.#hear(event), endings);
    platform.log.onRestart(() => this.forgetAll());
  }

  /** `people` binds the other modules' answers to a read. */
  start(people: (db: ReadHandle) => People): void {
    this.#people = people;
    this.#timer = setInterval(() => void this.flush(), flushEveryMs);
    this.#timer.unref();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.flush();
  }

  get size(): number {
    return this.#live.size;
  }

  /** The live session that a caller was recognized by. */
  ofCaller(caller: UserCaller): LiveSession | undefined {
    return this.#byCaller.get(caller);
  }

  /** The session of a token; null when there is none, or it is over. Throws Unavailable when that cannot be known. */
  find(token: string): MaybePromise<LiveSession | null> {
    if (!isSessionToken(token)) return null;
    const tokenHash = hashSecret(token);
    if (this.#platform.log.fresh) {
      const session = this.#live.get(tokenHash);
      if (session !== undefined && !this.#isOver(session)) return this.#use(session);
    }
    return this.#read(tokenHash);
  }

  /** Forgets every session; what is being read now is read again. */
  forgetAll(): void {
    for (const changedMeanwhile of this.#reads) changedMeanwhile.add(everyone);
    this.#live.clear();
    this.#used.clear();
  }

  /** Writes down when sessions were last used. Resolves when everything used before the call is written, also by a flush under way. */
  flush(): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#writeUsed());
    return this.#flushing;
  }

  async #writeUsed(): Promise<void> {
    if (this.#used.size === 0) return;
    const used = [...this.#used.values()];
    this.#used.clear();
    try {
      await this.#platform.database.transact(everyTenant, (tx) =>
        sessionStore.writes(tx).recordActivity(used.map((session) => ({ id: session.id, at: new Date(session.lastActiveAt) }))),
      );
    } catch (error) {
      this.#platform.logger.warn({ err: error }, "the last use of sessions could not be written down");
    }
  }

  #use(session: LiveSession): LiveSession {
    const now = this.#platform.clock.now();
    session.lastActiveAt = now;
    if (now - session.recordedAt >= recordEveryMs) {
      session.recordedAt = now;
      this.#used.set(session.id, session);
    }
    return session;
  }

  #isOver(session: LiveSession): boolean {
    const now = this.#platform.clock.now();
    return now >= session.expiresAt || now - session.lastActiveAt >= this.#platform.settings.sessionIdleSeconds * 1_000;
  }

  async #read(tokenHash: string): Promise<LiveSession | null> {
    const { log } = this.#platform;
    if (!(await log.heard())) throw new Unavailable("event log", undefined);
    for (;;) {
      const changedMeanwhile = new Set<string>();
      this.#reads.add(changedMeanwhile);
      const session = await this.#load(tokenHash).finally(() => this.#reads.delete(changedMeanwhile));
      this.#live.delete(tokenHash);
      if (session === null || this.#isOver(session)) return null;
      // What was read may be from before the change.
      if (changedMeanwhile.has(session.caller.userId) || changedMeanwhile.has(everyone)) continue;
      this.#link(session, tokenHash);
      return this.#use(session);
    }
  }

  #load(tokenHash: string): Promise<LiveSession | null> {
    return this.#platform.log.whileHeard(() => this.#readSession(tokenHash));
  }

  #readSession(tokenHash: string): Promise<LiveSession | null> {
    return this.#platform.database.read(everyTenant, async (db) => {
      const row = await sessionStore.reads(db).byTokenHash(tokenHash);
      if (!row || !this.#people) return null;
      const user = await livePerson(row, this.#people(db));
      if (user === undefined) return null;
      const lastActiveAt = row.last_active_at.getTime();
      return {
        caller: {
          kind: "user",
          userId: row.user_id,
          sessionId: row.id,
          organizationId: row.organization_id,
          authenticatedAt: row.authenticated_at.getTime(),
          methods: row.authentication_methods,
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

  #hear(event: LoggedEvent): void {
    if (!forgottenBy.has(event.type)) return;
    const { userId, sessionId } = event.data as { userId: string; sessionId?: string };
    for (const changedMeanwhile of this.#reads) changedMeanwhile.add(userId);
    // Of a session's end the person's other sessions know nothing.
    for (const tokenHash of [...(this.#byUser.get(userId) ?? [])]) {
      if (sessionId === undefined || this.#live.peek(tokenHash)?.id === sessionId) this.#live.delete(tokenHash);
    }
  }

  #link(session: LiveSession, tokenHash: string): void {
    this.#live.set(tokenHash, session);
    this.#byCaller.set(session.caller, session);
    const own = this.#byUser.get(session.caller.userId);
    if (own) own.add(tokenHash);
    else this.#byUser.set(session.caller.userId, new Set([tokenHash]));
  }

  #unlink(session: LiveSession, tokenHash: string): void {
    const own = this.#byUser.get(session.caller.userId);
    own?.delete(tokenHash);
    if (own?.size === 0) this.#byUser.delete(session.caller.userId);
  }
}
