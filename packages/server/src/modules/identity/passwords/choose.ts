import { type ErrorDetail, invalid } from "../../../operation/errors.ts";
import type { Settings } from "../../../platform/settings.ts";
import { bcryptBytesMax, hashPassword } from "./hashing.ts";
import { passwordFault } from "./rules.ts";

/** Checks a new password against the rules and hashes it. Throws `common.validation_failed` at the field `password`. */
export async function hashChosenPassword(password: string, email: string, settings: Settings): Promise<string> {
  const fault = (await passwordFault(password, email)) ?? lengthFault(password, settings);
  if (fault) throw invalid(fault);
  return hashPassword(password, settings.passwordHash);
}

function lengthFault(password: string, settings: Settings): ErrorDetail | undefined {
  if (settings.passwordHash !== "bcrypt" || Buffer.byteLength(password) <= bcryptBytesMax) return undefined;
  return { field: "password", rule: "bytes_max", message: `must not have more than ${bcryptBytesMax} bytes` };
}
