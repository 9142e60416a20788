import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type } from "#operation/declaration/schema.ts";
import { SigningKeyRotated } from "../events.ts";
import { byStage, dueChange, publishNext, rotate } from "../key-rotation.ts";
import { tokens } from "../module.ts";
import { newSigningKey } from "../signing-keys.ts";

/** Rotates the signing keys where that is due: by age, or because another algorithm is configured. */
export const rotateOldSigningKeys = tokens.command("rotateOldSigningKeys", {
  summary: "Rotate the signing keys where it is due.",
  allow: operatorOnly(),
  audit: { action: "SigningKey.OldRotated", category: "System", severity: "Info" },
  everyTenant: "signing keys belong to the installation",
  input: Type.Object({}),
  output: Type.Object({ more: Type.Boolean() }),
  async prepare({ reading, services: { settings, keys }, now }) {
    const existing = await reading((store) => store.publishedKeys(now));
    return dueChange(existing, settings, now) && (await newSigningKey(settings.tokenAlgorithm, keys));
  },
  async run({ store, services: { settings }, emit, audit, now }, _input, successor) {
    const done = { more: false };
    if (successor === undefined) return done;
    const keys = await store.lockKeys();
    // Another process may have made the change meanwhile.
    const change = dueChange(keys, settings, now);
    if (change === "replaceNext") {
      const { next } = byStage(keys);
      // It has never signed.
      await store.deleteKeys(next === undefined ? [] : [next.id]);
      await publishNext(store, successor, now);
    }
    if (change === "rotate") {
      const { id, algorithm } = await rotate(store, keys, successor, settings, now);
      emit(SigningKeyRotated, { keyId: id, algorithm, revokedKeyIds: [] });
    }
    audit({ after: { change: change ?? "none" } });
    return done;
  },
});
