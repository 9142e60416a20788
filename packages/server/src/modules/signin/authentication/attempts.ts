import type { Limit, Limits } from "#platform/limits/limits.ts";
import { pseudonym } from "#platform/secrets.ts";

/** Wrong passwords for one account from one address: then that address waits. */
const perAccountAndAddress: Limit = { points: 10, seconds: 15 * 60 };
/** Wrong passwords for one account from anywhere: then addresses that the user has not signed in from wait. */
const perAccount: Limit = { points: 100, seconds: 60 * 60 };

const pairName = "sign-in account and address";
const accountName = "sign-in account";

/**
 * Counts attempts before the password is looked at, so that many at once are counted too. Known and unknown accounts are
 * counted alike (docs/security/attacks.md, 28, 29). Attackers can lock an account for unknown addresses only: a sign-in from an address that the
 * owner used before is counted apart, and a reset password is a way in at any time, because what was counted against the
 * password before is not counted against the new one.
 */
export class Attempts {
  readonly #limits: Limits;
  readonly #account: string;
  readonly #pair: string;

  /** `passwordHash` is the account's, where there is one. */
  constructor(limits: Limits, email: string, address: string, passwordHash: string | undefined) {
    this.#limits = limits;
    this.#account = pseudonym(`${email.toLowerCase()} ${passwordHash ?? ""}`);
    this.#pair = `${this.#account}/${address}`;
  }

  /** Takes an attempt. Answers how many seconds to wait, 0 when it may be made. */
  async begin(isKnownAddress: () => Promise<boolean>): Promise<number> {
    const wait = await this.#limits.take(pairName, this.#pair, perAccountAndAddress);
    if (wait > 0) return wait;
    const waitOfAll = await this.#limits.take(accountName, this.#account, perAccount);
    return waitOfAll > 0 && !(await isKnownAddress()) ? waitOfAll : 0;
  }

  async succeeded(): Promise<void> {
    await this.#limits.reset(pairName, this.#pair, perAccountAndAddress);
    await this.#limits.giveBack(accountName, this.#account, perAccount);
  }
}
