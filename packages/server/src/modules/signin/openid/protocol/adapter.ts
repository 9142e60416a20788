import { createHmac } from "node:crypto";
import type { Adapter, AdapterPayload } from "oidc-provider";
import { everyTenant } from "#platform/database/database.ts";
import type { Platform } from "#platform/platform.ts";
import { hashSecret } from "#platform/secrets.ts";
import type { NewState, RefreshGrace, StateRow } from "../store/state.ts";
import { openidStore, type Writes } from "../store.ts";
import { type RequestState, requestState } from "./request-state.ts";
import type { WrittenApis } from "./unit-of-work.ts";

/** The encryption purpose of the payloads of a kind. They contain the tokens themselves, of which the table has only hashes. */
export const statePurpose = (kind: string): string => `openid state ${kind}`;

/**
 * A lost answer must not sign a user out, nor two tabs that refresh at once: for this time a used refresh token works again, for the same
 * client and the same key, which the library has checked. It ends when the successor is used.
 */
const refreshGraceMs = 10_000;
/** More concurrent requests with one token than a browser has. */
const refreshUsesMax = 5;

/** The ids of JWT access tokens, which are not stored themselves. */
export const jwtAccessTokenKind = "JwtAccessToken";

/** Rows that end with the session of their grant. */
const granted: ReadonlySet<string> = new Set(["AccessToken", "AuthorizationCode", "DeviceCode", "RefreshToken", jwtAccessTokenKind]);

/** A payload as it is stored, with what the library does not know. */
interface Stored {
  readonly payload: AdapterPayload;
  /** Of a grant: the organization that its tokens are for. */
  readonly organizationId?: string | null;
}

/** The storage of one kind of the library's models (`oidc-provider`, docs/README.md, "adapter"). Changes wait for the end of the request. */
export class StateAdapter implements Adapter {
  readonly #kind: string;
  readonly #platform: Platform;

  constructor(kind: string, platform: Platform) {
    this.#kind = kind;
    this.#platform = platform;
  }

  async find(id: string): Promise<AdapterPayload | undefined> {
    const own = requestState().work.own(this.#kind, id);
    if (own !== undefined) return (own as AdapterPayload | null) ?? undefined;
    const row = await this.#read((store, now) => store.state(this.#kind, hashSecret(id), now));
    const payload = row && this.#open(row);
    // A writer of the table could move a payload to another id.
    return payload !== undefined && (payload.jti === undefined || payload.jti === id) ? payload : undefined;
  }

  async findByUserCode(userCode: string): Promise<AdapterPayload | undefined> {
    const row = await this.#read((store, now) => store.stateByUserCode(this.#userCodeHashes(userCode), now));
    return row && this.#open(row);
  }

  /** Sessions of the provider are not looked up by their `uid`: tokens end with the session of this product instead. */
  async findByUid(): Promise<undefined> {
    return undefined;
  }

  async upsert(id: string, payload: AdapterPayload, expiresIn: number): Promise<void> {
    const state = requestState();
    const isGranted = granted.has(this.#kind) && payload.grantId !== undefined;
    const row = this.#row(id, payload, { expiresIn, state });
    if (this.#kind === "ReplayDetection")
      return state.work.put(this.#kind, id, payload, { change: (store) => store.insertStateOnce(row), conflict: "replayed" });
    const change = async (store: Writes, now: Date): Promise<boolean> => {
      if (isGranted) return store.putGrantedState(row as NewState & { grant_hash: string }, now);
      await store.putState(row);
      return true;
    };
    // A session with a refresh token does not expire by disuse. Before the token, so that the session is locked first.
    if (this.#kind === "RefreshToken" && state.rotatedHash === null) state.work.first(this.#kind, makesRenewable(state));
    state.work.put(this.#kind, id, payload, { change, conflict: "ended" });
  }

  async consume(id: string): Promise<void> {
    const idHash = hashSecret(id);
    const { work } = requestState();
    if (this.#kind === "RefreshToken") {
      requestState().rotatedHash = idHash;
      return work.consume(this.#kind, (store, now) => store.useRefreshToken(idHash, graceAt(now), now));
    }
    work.consume(this.#kind, (store, now) => store.consumeState(this.#kind, idHash, now));
  }

  async destroy(id: string): Promise<void> {
    requestState().work.remove(this.#kind, id, async (store) => {
      await store.deleteState(this.#kind, hashSecret(id));
      return true;
    });
  }

  async revokeByGrantId(grantId: string): Promise<void> {
    requestState().work.add(this.#kind, async (store, now, uses) => {
      await store.deleteStateOfGrant(this.#kind, hashSecret(grantId));
      if (this.#kind === "AccessToken")
        await this.#revokeJwts(await store.takeStateOfGrant(jwtAccessTokenKind, hashSecret(grantId), now), uses);
      return true;
    });
  }

  async #revokeJwts(rows: readonly StateRow[], { tokens }: WrittenApis): Promise<void> {
    for (const { payload, kind } of rows) {
      const stored = JSON.parse(this.#platform.keys.decrypt(payload, statePurpose(kind))) as Stored;
      await tokens.revoke(stored.payload.jti as string);
    }
  }

  #read<T>(work: (store: ReturnType<typeof openidStore.reads>, now: Date) => Promise<T>): Promise<T> {
    return this.#platform.database.read(everyTenant, (db) => work(openidStore.reads(db), this.#now()));
  }

  #now(): Date {
    return new Date(this.#platform.clock.now());
  }

  #row(id: string, payload: AdapterPayload, { expiresIn, state }: { readonly expiresIn: number; readonly state: RequestState }): NewState {
    const { login } = state;
    const stored: Stored = this.#kind === "Grant" ? { payload, organizationId: state.organizationId } : { payload };
    // A grant and a session of the provider are made for the signed-in user of the request. A token ends with its grant's session.
    const isOfLogin = (this.#kind === "Grant" || this.#kind === "Session") && login !== null && payload.accountId === login.userId;
    return {
      kind: this.#kind,
      id_hash: hashSecret(id),
      payload: this.#platform.keys.encrypt(JSON.stringify(stored), statePurpose(this.#kind)),
      grant_hash: granted.has(this.#kind) && payload.grantId !== undefined ? hashSecret(payload.grantId) : null,
      parent_hash: this.#kind === "RefreshToken" ? state.rotatedHash : null,
      user_code_hash: payload.userCode === undefined ? null : (this.#userCodeHashes(payload.userCode)[0] as string),
      session_id: isOfLogin ? login.sessionId : null,
      expires_at: new Date(this.#platform.clock.now() + expiresIn * 1_000),
    };
  }

  #open(row: StateRow): AdapterPayload {
    const { payload, organizationId } = JSON.parse(this.#platform.keys.decrypt(row.payload, statePurpose(row.kind))) as Stored;
    const state = requestState();
    if (row.kind === "Session") state.browserSessionId = row.session_id;
    else if (row.session_id !== null) state.sessionId = row.session_id;
    if (row.kind === "Grant") state.organizationId = organizationId ?? null;
    if (row.consumed_at === null || isInGrace(row, this.#now())) return payload;
    return { ...payload, consumed: Math.floor(row.consumed_at.getTime() / 1_000) };
  }

  /**
   * User codes are short, so a plain hash of one can be reversed: the hash has a key. The first is of the current master key; a code that was
   * stored before a rotation is found by another.
   */
  #userCodeHashes(userCode: string): readonly string[] {
    const keys = this.#platform.keys.derive("openid user codes");
    return keys.map(({ key }) => createHmac("sha256", key).update(userCode).digest("hex"));
  }
}

const makesRenewable =
  ({ sessionId }: RequestState) =>
  async (_store: Writes, _now: Date, { sessions }: WrittenApis): Promise<boolean> => {
    if (sessionId !== null) await sessions.makeRenewable(sessionId);
    return true;
  };

const graceAt = (now: Date): RefreshGrace => ({ since: new Date(now.getTime() - refreshGraceMs), usesMax: refreshUsesMax });

/** Whether a used refresh token works again. The use itself decides, by the same rule. */
const isInGrace = ({ kind, consumed_at, is_superseded, uses }: StateRow, now: Date): boolean =>
  kind === "RefreshToken" && consumed_at !== null && consumed_at > graceAt(now).since && !is_superseded && uses < refreshUsesMax;
