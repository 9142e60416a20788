import { hash as argon2Hash, verify as argon2Verify } from "@node-rs/argon2";
import { hash as bcryptHash, verify as bcryptVerify } from "@node-rs/bcrypt";

export type HashSetting = "argon2id" | "bcrypt";

/** `Algorithm.Argon2id` of the library, whose enum has no value at run time. */
const argon2id = 2;
/** OWASP's first choice for argon2id: 19 MiB, two passes, one lane. */
const argon2Parameters = { algorithm: argon2id, memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;
const argon2Prefix = "$argon2id$v=19$m=19456,t=2,p=1$";
const bcryptCost = 12;
/** bcrypt truncates longer passwords, so they are refused under that setting (docs/security/attacks.md, 30). */
export const bcryptBytesMax = 72;

/**
 * Normalizes a password before hashing: NFKC (NIST SP 800-63B §3.1.1.2), because keyboards may send different code points for the same
 * characters. Case and spaces are significant.
 */
export const normalizePassword = (password: string): string => password.normalize("NFKC");

export const hashPassword = (password: string, setting: HashSetting): Promise<string> => hashAs(normalizePassword(password), setting);

const hashAs = (password: string, setting: HashSetting): Promise<string> =>
  setting === "bcrypt" ? bcryptHash(password, bcryptCost) : argon2Hash(password, argon2Parameters);

/** The form of a password that matches a hash. `raw` only for a hash from before the normalization of passwords. */
export type PasswordMatch = "normalized" | "raw";

/**
 * Verifies a password against a hash of either algorithm, whatever the setting (decision 0004): first normalized, then as it was sent. A
 * malformed hash matches nothing.
 */
export async function matchPassword(password: string, hashed: string): Promise<PasswordMatch | undefined> {
  const normalized = normalizePassword(password);
  if (await verifies(normalized, hashed)) return "normalized";
  return normalized !== password && (await verifies(password, hashed)) ? "raw" : undefined;
}

async function verifies(password: string, hashed: string): Promise<boolean> {
  try {
    if (hashed.startsWith("$argon2")) return await argon2Verify(hashed, password);
    // Passwords that differ only after bcrypt's limit are different passwords (docs/security/attacks.md, 30).
    return (await bcryptVerify(password, hashed)) && Buffer.byteLength(password) <= bcryptBytesMax;
  } catch {
    return false;
  }
}

/**
 * Whether a hash must be recomputed at sign-in: it has another setting, or its password was not normalized. A password that bcrypt would
 * truncate keeps its hash: a truncated one would also match its prefix.
 */
export function needsRehash(hashed: string, setting: HashSetting, password: string, match: PasswordMatch): boolean {
  if (setting === "argon2id") return match === "raw" || !hashed.startsWith(argon2Prefix);
  const isCurrent = match === "normalized" && new RegExp(`^\\$2[aby]\\$${bcryptCost}\\$`).test(hashed);
  return !isCurrent && Buffer.byteLength(normalizePassword(password)) <= bcryptBytesMax;
}
