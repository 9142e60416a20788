import type { ErrorDetail } from "#operation/declaration/errors.ts";
import { normalizePassword } from "./hashing.ts";

let known: Promise<ReadonlySet<string>> | undefined;

/**
 * Common passwords and those of published breaches (packaged with `@zxcvbn-ts/language-common`). Loaded when the first password is chosen,
 * not at start.
 */
function knownPasswords(): Promise<ReadonlySet<string>> {
  known ??= import("@zxcvbn-ts/language-common").then(
    ({ dictionary }) => new Set((dictionary["passwords-common"] as readonly string[]).map(folded)),
  );
  return known;
}

/** The schema's minimum. A normalized password may be shorter than the sent one. */
export const passwordLengthMin = 8;

/** The form that is compared with lists: without differences that attackers try anyway, such as width, case and invisible characters. */
const folded = (text: string): string =>
  normalizePassword(text)
    .toLowerCase()
    .normalize("NFKC")
    .replace(/[\s\p{Cf}\p{Zs}]+/gu, "");

/** The owner of a password: an attacker tries their address and names first. */
export interface PasswordOwner {
  readonly email: string;
  readonly names?: readonly string[];
}

/** Shorter words occur in too many good passwords. */
const wordLengthMin = 4;

/**
 * The context-specific words (ASVS 6.1.2, documented in docs/security/sign-in.md): the product's name, the host names of PUBLIC_URL, the
 * operator's PASSWORD_WORDS, and the address and names of the person.
 */
export function contextWords({ email, names = [] }: PasswordOwner, ofInstallation: readonly string[]): readonly string[] {
  const words = [...ofInstallation, ...email.split(/[@.+_-]/), email.split("@")[0] ?? "", ...names];
  return [...new Set(words.map(folded))].filter((word) => word.length >= wordLengthMin).sort((one, other) => other.length - one.length);
}

/**
 * Refuses passwords that attackers try first. There are no composition rules, which make passwords worse (NIST SP 800-63B §3.1.1.2). The
 * schema checks the length, 8 to 128 characters; this checks the minimum again after normalization.
 */
export async function passwordIssue(
  password: string,
  owner: PasswordOwner,
  ofInstallation: readonly string[],
): Promise<ErrorDetail | undefined> {
  if (normalizePassword(password).length < passwordLengthMin) {
    return { field: "password", rule: "minLength", message: `must not have fewer than ${passwordLengthMin} characters` };
  }
  const plain = folded(password);
  const address = folded(owner.email);
  if (plain === address || plain === address.split("@")[0]) {
    return { field: "password", rule: "not_own_address", message: "must not be the e-mail address" };
  }
  if (new Set(plain).size <= 1 || (await knownPasswords()).has(plain)) {
    return { field: "password", rule: "not_common", message: "is among the passwords that attackers try first" };
  }
  return contextIssue(plain, contextWords(owner, ofInstallation));
}

const asciiPunctuation = /[!-/:-@[-`{-~]/g;

/** Refuses a password that is too short without the known words of the person and the installation. */
function contextIssue(plain: string, words: readonly string[]): ErrorDetail | undefined {
  const left = words.reduce((rest, word) => rest.replaceAll(word, ""), plain);
  // Punctuation between the words does not count: attackers try `-`, `.` and `!` with them.
  if (left.length === plain.length || left.replace(asciiPunctuation, "").length >= passwordLengthMin) return undefined;
  return {
    field: "password",
    rule: "not_context",
    message: `must have ${passwordLengthMin} characters in addition to the names of the person, the product and the installation`,
  };
}
