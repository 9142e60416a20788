import type { ErrorDetail } from "../../../operation/errors.ts";

let known: Promise<ReadonlySet<string>> | undefined;

/**
 * The passwords that are tried first: common ones and those of published breaches (packaged with
 * `@zxcvbn-ts/language-common`). Loaded when the first password is chosen, not at start.
 */
function knownPasswords(): Promise<ReadonlySet<string>> {
  known ??= import("@zxcvbn-ts/language-common").then(({ dictionary }) => new Set(dictionary["passwords-common"] as readonly string[]));
  return known;
}

/**
 * Refuses a password that an attacker tries first. No composition rules: they make passwords worse (NIST SP 800-63B
 * §3.1.1.2). Length, 8 to 128 characters, is the schema's.
 */
export async function passwordFault(password: string, email: string): Promise<ErrorDetail | undefined> {
  const lowered = password.toLowerCase();
  const address = email.toLowerCase();
  if (lowered === address || lowered === address.split("@")[0]) {
    return { field: "password", rule: "not_own_address", message: "must not be the e-mail address" };
  }
  if (new Set(password).size === 1 || (await knownPasswords()).has(lowered)) {
    return { field: "password", rule: "not_common", message: "is among the passwords that attackers try first" };
  }
  return undefined;
}
