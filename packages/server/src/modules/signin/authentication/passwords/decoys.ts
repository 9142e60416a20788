import { type Algorithm, hash as argon2Hash } from "@node-rs/argon2";
import { hash as bcryptHash } from "@node-rs/bcrypt";
import { type HashSetting, hashPassword, matchPassword } from "./hashing.ts";

/**
 * The algorithm and parameters that a hash begins with: verifying takes the same time for all hashes of a kind. The same form is an
 * index in the database (`0220_authentication_credentials`).
 */
const kindForm = /^\$(?:2[abxy]\$(?<cost>\d\d)|(?<algorithm>argon2[id]*)\$v=\d+\$m=(?<memory>\d+),t=(?<time>\d+),p=(?<lanes>\d+))\$/;

/** What tells kinds apart by time; bcrypt's letters are variants of one algorithm. Undefined for what is no hash. */
export const hashKindOf = (hashed: string): string | undefined => kindForm.exec(hashed)?.[0].replace(/^\$2[abxy]\$/, "$2b$");

/** More kinds in one database would make each wrong password cost more than the sign-in bulkhead is made for. */
const kindsMax = 4;

const decoys = new Map<string, Promise<string>>();

/** A hash of this kind that no password matches. */
function decoyOfKind(kind: string): Promise<string> {
  const known = decoys.get(kind);
  if (known) return known;
  const made = makeDecoy(kind);
  decoys.set(kind, made);
  return made;
}

function makeDecoy(kind: string): Promise<string> {
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

const ofSetting = new Map<HashSetting, Promise<string>>();

/** A hash of the set kind that no password matches. */
export function decoyHash(setting: HashSetting): Promise<string> {
  const known = ofSetting.get(setting) ?? hashPassword(crypto.randomUUID(), setting);
  ofSetting.set(setting, known);
  return known;
}

/**
 * Takes the time that verifying against a hash of each kind takes, but for the kinds that were verified already. After it, a wrong
 * password has taken the same time whichever kind of hash its account has, and where there is no account (docs/security/attacks.md, 28).
 */
export async function verifyDecoys(password: string, kinds: readonly string[], verified: readonly (string | undefined)[]): Promise<void> {
  const others = new Set(kinds.map(hashKindOf).filter((kind) => kind !== undefined && !verified.includes(kind)));
  for (const kind of [...others].slice(0, kindsMax)) await matchPassword(password, await decoyOfKind(kind as string));
}
