import { hash as argon2Hash, verify as argon2Verify } from "@node-rs/argon2";
import { hash as bcryptHash, verify as bcryptVerify } from "@node-rs/bcrypt";

export type HashSetting = "argon2id" | "bcrypt";

/** `Algorithm.Argon2id` of the library, whose enum has no value at run time. */
const argon2id = 2;
/** OWASP's first choice for argon2id: 19 MiB, two passes, one lane. */
const argon2Parameters = { algorithm: argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
const argon2Prefix = "$argon2id$v=19$m=19456,t=2,p=1$";
const bcryptCost = 12;
/** bcrypt reads no more; a longer password would be cut, so it is refused under that setting (docs/security/attacks.md, 30). */
export const bcryptBytesMax = 72;

/**
 * The form in which a password is hashed: NFKC (NIST SP 800-63B §3.1.1.2), so that keyboards that send different code points for the
 * same characters give the same password. Nothing else is changed: case and spaces count.
 */
export const normalizePassword = (password: string): string => password.normalize("NFKC");

export const hashPassword = (password: string, setting: HashSetting): Promise<string> => hashAs(normalizePassword(password), setting);

const hashAs = (password: string, setting: HashSetting): Promise<string> =>
  setting === "bcrypt" ? bcryptHash(password, bcryptCost) : argon2Hash(password, argon2Parameters);

/** In which form a password matches a hash; `raw` only for a hash that was made before passwords were normalized. */
export type PasswordMatch = "normalized" | "raw";

/**
 * Verifies against either kind of hash, whatever the setting (decision 0004): the normalized password first, then as it was sent. A
 * hash that cannot be read matches nothing.
 */
export async function matchPassword(password: string, hashed: string): Promise<PasswordMatch | undefined> {
  const normalized = normalizePassword(password);
  if (await verifies(normalized, hashed)) return "normalized";
  return normalized !== password && (await verifies(password, hashed)) ? "raw" : undefined;
}

async function verifies(password: string, hashed: string): Promise<boolean> {
  try {
    if (hashed.startsWith("$argon2")) return await argon2Verify(hashed, password);
    // Two passwords that differ behind what bcrypt reads are two passwords (docs/security/attacks.md, 30).
    return (await bcryptVerify(password, hashed)) && Buffer.byteLength(password) <= bcryptBytesMax;
  } catch {
    return false;
  }
}

/**
 * True when a hash was made under another setting, or of a password that was not normalized, and is to be made anew while the password
 * is at hand. A password that bcrypt would cut keeps the hash that it has: another one would let its beginning in.
 */
export function needsRehash(hashed: string, setting: HashSetting, password: string, match: PasswordMatch): boolean {
  if (setting === "argon2id") return match === "raw" || !hashed.startsWith(argon2Prefix);
  const isCurrent = match === "normalized" && new RegExp(`^\\$2[aby]\\$${bcryptCost}\\$`).test(hashed);
  return !isCurrent && Buffer.byteLength(normalizePassword(password)) <= bcryptBytesMax;
}
