import { internal } from "#operation/declaration/authorization.ts";
import { Type } from "#operation/declaration/schema.ts";
import { KeyRotatedRecently } from "../errors.ts";
import { SigningKeyRotated } from "../events.ts";
import { byStage, isKnownToVerifiers, publishCurrent, publishNext, rotate } from "../key-rotation.ts";
import { SigningKey } from "../model.ts";
import { tokens } from "../module.ts";
import { representKey } from "../represent.ts";
import { newSigningKey } from "../signing-keys.ts";

/**
 * Signs with the next key from now on. Tokens of the former key are valid until they expire. With `immediately`, for keys that have leaked, every key
 * is replaced: all access tokens are refused at once, and sessions refresh them.
 */
export const rotateSigningKeys = tokens.command("rotateSigningKeys", {
  http: "POST /api/v1/token/keys/rotate",
  summary: "Sign access tokens with the next key.",
  allow: internal("Token.ManageKeys"),
  audit: { action: "SigningKey.Rotated", category: "Security", severity: "Warning", entity: "SigningKey" },
  everyTenant: "signing keys belong to the installation",
  input: Type.Object({ immediately: Type.Optional(Type.Boolean()) }),
  output: SigningKey,
  errors: [KeyRotatedRecently],
  prepare: async ({ services: { settings, keys } }, { immediately }) => ({
    successor: await newSigningKey(settings.tokenAlgorithm, keys),
    current: immediately ? await newSigningKey(settings.tokenAlgorithm, keys) : undefined,
  }),
  async run({ store, services, emit, fail, audit, now }, _input, { successor, current }) {
    const keys = await store.lockKeys();
    const { next } = byStage(keys);
    if (current === undefined && (next === undefined || !isKnownToVerifiers(next, now))) return fail(KeyRotatedRecently);
    const revokedKeyIds = current === undefined ? [] : keys.map(({ id }) => id);
    await store.deleteKeys(revokedKeyIds);
    if (current !== undefined) {
      await publishCurrent(store, current, now);
      await publishNext(store, successor, now);
    }
    const { id, algorithm } = current ?? (await rotate(store, keys, successor, services.settings, now));
    emit(SigningKeyRotated, { keyId: id, algorithm, revokedKeyIds });
    audit({ entity: { type: "SigningKey", id }, after: { algorithm, revokedKeyIds } });
    const active = (await store.publishedKeys(now)).find((key) => key.id === id);
    return representKey(active as NonNullable<typeof active>);
  },
});
