import { operatorOnly } from "#operation/declaration/authorization.ts";
import { Type } from "#operation/declaration/schema.ts";
import { SigningKeyRotated } from "../events.ts";
import { byStage, publishCurrent, publishNext } from "../key-rotation.ts";
import { tokens } from "../module.ts";
import { newSigningKey } from "../signing-keys.ts";

/** Creates the current and the next signing key where they do not exist. Runs at each start. */
export const ensureSigningKeys = tokens.command("ensureSigningKeys", {
  summary: "Create the signing keys that do not exist yet.",
  allow: operatorOnly(),
  audit: { action: "SigningKey.Created", category: "System", severity: "Info" },
  everyTenant: "signing keys belong to the installation",
  input: Type.Object({}),
  output: Type.Object({ created: Type.Integer() }),
  async prepare({ reading, services, now }) {
    const { current, next } = byStage(await reading((store) => store.publishedKeys(now)));
    const generate = () => newSigningKey(services.settings.tokenAlgorithm, services.keys);
    const [newCurrent, newNext] = await Promise.all([current ? undefined : generate(), next ? undefined : generate()]);
    return { current: newCurrent, next: newNext };
  },
  // Another process that starts at the same time may have created them.
  async run({ store, emit, audit, now }, _input, { current, next }) {
    let created = 0;
    if (current !== undefined && (await publishCurrent(store, current, now))) {
      created += 1;
      emit(SigningKeyRotated, { keyId: current.id, algorithm: current.algorithm, revokedKeyIds: [] });
    }
    if (next !== undefined && (await publishNext(store, next, now))) created += 1;
    audit({ after: { created } });
    return { created };
  },
});
