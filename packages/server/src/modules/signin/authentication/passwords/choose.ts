import { type ErrorDetail, invalid } from "#operation/declaration/errors.ts";
import type { Settings } from "#platform/settings.ts";
import { bcryptBytesMax, hashPassword, normalizePassword } from "./hashing.ts";
import { type PasswordOwner, passwordIssue } from "./rules.ts";

const product = "gatehouse";

/** Checks a new password against the rules and hashes it. Throws `common.validation_failed` at the field `password`. */
export async function hashChosenPassword(password: string, owner: PasswordOwner, settings: Settings): Promise<string> {
  const issue = (await passwordIssue(password, owner, wordsOf(settings))) ?? lengthIssue(password, settings);
  if (issue) throw invalid(issue);
  return hashPassword(password, settings.passwordHash);
}

/** Words of this installation that are publicly known. */
const wordsOf = ({ publicUrl, passwordWords }: Settings): readonly string[] => [
  product,
  ...new URL(publicUrl).hostname.split("."),
  ...passwordWords,
];

function lengthIssue(password: string, settings: Settings): ErrorDetail | undefined {
  if (settings.passwordHash !== "bcrypt" || Buffer.byteLength(normalizePassword(password)) <= bcryptBytesMax) return undefined;
  return { field: "password", rule: "bytes_max", message: `must not have more than ${bcryptBytesMax} bytes` };
}
