import { LRUCache } from "lru-cache";
import { ServiceStatusChanged } from "#modules/authorization/access/index.ts";
import { PasswordChanged, UserStatusChanged } from "#modules/foundation/identity/index.ts";
import { MemberRemoved } from "#modules/organization/tenancy/index.ts";
import { SessionEnded } from "#modules/signin/sessions/index.ts";
import type { IdentifiedPrincipal } from "#operation/declaration/principal.ts";
import { after, type MaybePromise } from "#operation/kernel/maybe-promise.ts";
import { everyTenant, type ReadHandle } from "#platform/database/database.ts";
import { byField, LeasedCache } from "#platform/log/leased-cache.ts";
import type { Platform } from "#platform/platform.ts";
import { type AccessTokenClaims, accessTokenClaims, accessTokenType, principalOf } from "./claims.ts";
import { SigningKeyRotated, TokenRevoked } from "./events.ts";
import { verifyJwt } from "./jws.ts";
import type { KeySet, KeySetCache } from "./key-set.ts";
import { isLive, type SubjectReads } from "./liveness.ts";
import { tokenStore } from "./store.ts";

/** A token whose signature and claims are valid. */
interface VerifiedToken {
  readonly keyId: string;
  readonly claims: AccessTokenClaims;
  readonly principal: IdentifiedPrincipal;
}

/** A token that has not been revoked, of a live session and active subjects. */
interface LiveToken {
  readonly tags: readonly string[];
}

/** Some kilobytes each. A token that is not among them is verified again. */
const verifiedMax = 10_000;
/** A hundred bytes each. */
const liveMax = 200_000;

/**
 * Finds the principal of an access token. The signature is verified once per process. Whether the token is live is read once, and invalidated by
 * the events that end it: a revoked token is refused in every process within the revocation bound. One per process.
 */
export class LiveTokens {
  readonly #platform: Platform;
  readonly #keys: KeySetCache;
  readonly #verified = new LRUCache<string, VerifiedToken>({ max: verifiedMax });
  readonly #live: LeasedCache<string, LiveToken>;
  #subjectReads: ((db: ReadHandle) => SubjectReads) | undefined;

  constructor(platform: Platform, keys: KeySetCache) {
    this.#platform = platform;
    this.#keys = keys;
    this.#live = new LeasedCache(platform.log, {
      name: "access tokens",
      entriesMax: liveMax,
      load: (key) => this.#readLive(JSON.parse(key) as LivenessKey),
      tagsOf: ({ tags }) => tags,
      revokedBy: {
        [TokenRevoked.type]: byField("tokenId"),
        [SigningKeyRotated.type]: { fields: ["revokedKeyIds"], tags: ({ data }) => data["revokedKeyIds"] as readonly string[] },
        [SessionEnded.type]: byField("sessionId"),
        [PasswordChanged.type]: byField("userId"),
        [UserStatusChanged.type]: byField("userId"),
        [MemberRemoved.type]: byField("userId"),
        [ServiceStatusChanged.type]: byField("serviceId"),
      },
    });
  }

  /** `subjectReads` binds the other modules' reads to a transaction. */
  start(subjectReads: (db: ReadHandle) => SubjectReads): void {
    this.#subjectReads = subjectReads;
  }

  /** The claims of a token that is valid and live; null where it is not. Throws Unavailable where it cannot decide. */
  find(token: string): MaybePromise<VerifiedToken | null> {
    return after(this.verify(token), (verified) => {
      if (verified === undefined) return null;
      return after(this.#live.find(livenessKey(verified)), (live) => (live === null ? null : verified));
    });
  }

  /** A token whose signature and claims are valid, whether or not it was revoked. */
  verify(token: string): MaybePromise<VerifiedToken | undefined> {
    const known = this.#verified.get(token);
    if (known !== undefined) return this.#isExpired(known.claims) ? undefined : known;
    return after(this.#keys.find(), (keys) => this.#verify(token, keys));
  }

  #verify(token: string, { verification }: KeySet): VerifiedToken | undefined {
    const signed = verifyJwt(token, verification);
    if (signed?.type !== accessTokenType) return undefined;
    const { publicUrl } = this.#platform.settings;
    const claims = accessTokenClaims(signed.claims, { issuer: publicUrl, audience: publicUrl, now: this.#platform.clock.now() });
    if (claims === undefined) return undefined;
    const verified = { keyId: signed.keyId, claims, principal: principalOf(claims) };
    this.#verified.set(token, verified);
    return verified;
  }

  #isExpired({ exp }: AccessTokenClaims): boolean {
    return this.#platform.clock.now() >= exp * 1_000;
  }

  #readLive({ keyId, claims }: LivenessKey): Promise<LiveToken | null> {
    return this.#platform.database.read(everyTenant, async (db) => {
      const store = tokenStore.reads(db);
      const now = new Date(this.#platform.clock.now());
      const isKeyPublished = (await store.publishedKeys(now)).some(({ id }) => id === keyId);
      if (!isKeyPublished || this.#subjectReads === undefined) return null;
      const tags = await isLive(claims, store, this.#subjectReads(db));
      return tags === undefined ? null : { tags: [keyId, ...tags] };
    });
  }
}

type LivenessClaims = Pick<AccessTokenClaims, "jti" | "sub" | "sub_kind" | "tid" | "sid" | "act">;
interface LivenessKey {
  readonly keyId: string;
  readonly claims: LivenessClaims;
}

/** Everything that decides whether a token is live. The claims are signed, so a caller cannot choose them. */
const livenessKey = ({ keyId, claims: { jti, sub, sub_kind, tid, sid, act } }: VerifiedToken): string =>
  JSON.stringify({ keyId, claims: { jti, sub, sub_kind, tid, sid, act } });
