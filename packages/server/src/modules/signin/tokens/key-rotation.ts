import { keySetCacheSeconds } from "./model.ts";
import type { NewSigningKey } from "./signing-keys.ts";
import type { SigningKeyRow, tokenStore } from "./store.ts";

const dayMs = 86_400_000;
/** A verifier's clock may be behind by this much. */
const leewaySeconds = 60;

interface RotationSettings {
  readonly tokenAlgorithm: string;
  readonly tokenKeyDays: number;
  readonly accessTokenSeconds: number;
}

/**
 * What the keys need at `now`: another next key, because there is none or it is for another algorithm than the configured one; or a rotation, because
 * the current key is too old or for another algorithm, and verifiers know the next one.
 */
export function dueChange(keys: readonly SigningKeyRow[], settings: RotationSettings, now: Date): "replaceNext" | "rotate" | undefined {
  const { current, next } = byStage(keys);
  if (current?.activated_at == null) return undefined;
  if (next?.algorithm !== settings.tokenAlgorithm) return "replaceNext";
  const isOld = now.getTime() - current.activated_at.getTime() >= settings.tokenKeyDays * dayMs;
  const isDue = isOld || current.algorithm !== settings.tokenAlgorithm;
  return isDue && isKnownToVerifiers(next, now) ? "rotate" : undefined;
}

/** Whether verifiers that cache the key set have read it since the key was published. */
export const isKnownToVerifiers = ({ published_at }: SigningKeyRow, now: Date): boolean =>
  now.getTime() - published_at.getTime() >= keySetCacheSeconds * 1_000;

export const byStage = (keys: readonly SigningKeyRow[]) => ({
  current: keys.find(({ stage }) => stage === "current"),
  next: keys.find(({ stage }) => stage === "next"),
});

type Store = ReturnType<typeof tokenStore.reads> & ReturnType<typeof tokenStore.writes>;

/** Moves each key to its next stage, and publishes `successor`. Call it with the keys locked. Returns the key that signs from now on. */
export async function rotate(
  store: Store,
  keys: readonly SigningKeyRow[],
  successor: NewSigningKey,
  { accessTokenSeconds }: RotationSettings,
  now: Date,
): Promise<SigningKeyRow> {
  const { current, next } = byStage(keys);
  const active = next as SigningKeyRow;
  // Its last token expires after this.
  const expiresAt = new Date(now.getTime() + (accessTokenSeconds + leewaySeconds) * 1_000);
  if (current !== undefined) await store.retireKey(current.id, expiresAt);
  await store.activateKey(active.id, now);
  await publishNext(store, successor, now);
  await store.deleteKeys(keys.filter(({ expires_at }) => expires_at !== null && expires_at <= now).map(({ id }) => id));
  return active;
}

/** Publishes a key that does not sign yet. */
export const publishNext = (store: Store, key: NewSigningKey, now: Date): Promise<boolean> =>
  store.insertKey({ ...key, stage: "next", published_at: now, activated_at: null, expires_at: null });

/** Publishes a key that signs at once: there is no other, or every other one is revoked. */
export const publishCurrent = (store: Store, key: NewSigningKey, now: Date): Promise<boolean> =>
  store.insertKey({ ...key, stage: "current", published_at: now, activated_at: now, expires_at: null });
