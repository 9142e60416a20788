import { type Algorithm, hash as argon2Hash } from "@node-rs/argon2";
import { hash as bcryptHash } from "@node-rs/bcrypt";
import { type HashSetting, hashPassword, matchPassword } from "./hashing.ts";

/**
 * The prefix of a hash with its algorithm and parameters: all hashes of a kind take the same time to verify. The same expression is an
 * index in the database (`0220_authentication_credentials`).
 */
const kindForm = /^\$(?:2[abxy]\$(?<cost>\d\d)|(?<algorithm>argon2[id]*)\$v=\d+\$m=(?<memory>\d+),t=(?<time>\d+),p=(?<lanes>\d+))\$/;

/** The kind of a hash, by its verification time. bcrypt's letters are variants of one algorithm. Undefined where it is no hash. */
export const hashKindOf = (hashed: string): string | undefined => kindForm.exec(hashed)?.[0].replace(/^\$2[abxy]\$/, "$2b$");

/** With more kinds, a wrong password would cost more than the sign-in bulkhead is designed for. */
const kindsMax = 4;

const decoys = new Map<string, Promise<string>>();

/** A hash of the kind that no password matches. */
function decoyOfKind(kind: string): Promise<string> {
  const known = decoys.get(kind);
  if (known) return known;
  const decoy = createDecoy(kind);
  decoys.set(kind, decoy);
  return decoy;
}

function createDecoy(kind: string): Promise<string> {
  const secret = crypto.randomUUID();
  const { cost, algorithm, memory, time, lanes } = kindForm.exec(kind)?.groups ?? {};
  if (cost !== undefined) return bcryptHash(secret, Number(cost));
  const algorithms: Readonly<Record<string, number>> = { argon2d: 0, argon2i: 1, argon2id: 2 };
  return argon2Hash(secret, {
    algorithm: (algorithms[algorithm ?? ""] ?? 2) as Algorithm,
    memoryCost: Number(memory),
    timeCost: Number(time),
    parallelism: Number(lanes),
  });
}

const decoysBySetting = new Map<HashSetting, Promise<string>>();

/** A hash of the configured kind that no password matches. */
export function decoyHash(setting: HashSetting): Promise<string> {
  const known = decoysBySetting.get(setting) ?? hashPassword(crypto.randomUUID(), setting);
  decoysBySetting.set(setting, known);
  return known;
}

/**
 * Verifies a password against a decoy of each kind, except the kinds in `verified`. A wrong password then takes the same time for every kind
 * of hash, and for an unknown account (docs/security/attacks.md, 28).
 */
export async function verifyDecoys(password: string, kinds: readonly string[], verified: readonly (string | undefined)[]): Promise<void> {
  const others = new Set(kinds.map(hashKindOf).filter((kind) => kind !== undefined && !verified.includes(kind)));
  for (const kind of [...others].slice(0, kindsMax)) await matchPassword(password, await decoyOfKind(kind as string));
}
