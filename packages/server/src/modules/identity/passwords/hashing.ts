import { hash as argon2Hash, verify as argon2Verify } from "@node-rs/argon2";
import { hash as bcryptHash, verify as bcryptVerify } from "@node-rs/bcrypt";

export type HashSetting = "argon2id" | "bcrypt";

/** `Algorithm.Argon2id` of the library, whose enum has no value at run time. */
const argon2id = 2;
/** OWASP's first choice for argon2id: 19 MiB, two passes, one lane. */
const argon2Parameters = { algorithm: argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
const argon2Prefix = "$argon2id$v=19$m=19456,t=2,p=1$";
const bcryptCost = 12;
/** bcrypt reads no more; a longer password would be cut, so it is refused under that setting (docs/hostile.md, 30). */
export const bcryptBytesMax = 72;

export const hashPassword = (password: string, setting: HashSetting): Promise<string> =>
  setting === "bcrypt" ? bcryptHash(password, bcryptCost) : argon2Hash(password, argon2Parameters);

/** Verifies against either kind of hash, whatever the setting (decision 0004). A hash that cannot be read matches nothing. */
export async function verifyPassword(password: string, hashed: string): Promise<boolean> {
  try {
    if (hashed.startsWith("$argon2")) return await argon2Verify(hashed, password);
    // Two passwords that differ behind what bcrypt reads are two passwords (docs/hostile.md, 30).
    return (await bcryptVerify(password, hashed)) && Buffer.byteLength(password) <= bcryptBytesMax;
  } catch {
    return false;
  }
}

/**
 * True when a hash was made under another setting and is to be made anew while the password is at hand. A password that
 * bcrypt would cut keeps the hash that it has: another one would let its beginning in.
 */
export function needsRehash(hashed: string, setting: HashSetting, password: string): boolean {
  if (setting === "argon2id") return !hashed.startsWith(argon2Prefix);
  return !new RegExp(`^\\$2[aby]\\$${bcryptCost}\\$`).test(hashed) && Buffer.byteLength(password) <= bcryptBytesMax;
}

let decoy: Promise<string> | undefined;

/** A hash that no password matches, of the set kind: verifying against it takes the time of a real one (docs/hostile.md, 28). */
export function decoyHash(setting: HashSetting): Promise<string> {
  decoy ??= hashPassword(crypto.randomUUID(), setting);
  return decoy;
}
