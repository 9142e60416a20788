import type { Limit, Limits } from "#platform/limits/limits.ts";
import { pseudonym } from "#platform/secrets.ts";

/** Limit of wrong passwords for one account from one address. Above it, that address must wait. */
const perAccountAndAddress: Limit = { points: 10, seconds: 15 * 60 };
/** Limit of wrong passwords for one account from all addresses. Above it, addresses unknown for the account must wait. */
const perAccount: Limit = { points: 100, seconds: 60 * 60 };

const pairName = "sign-in account and address";
const accountName = "sign-in account";

/**
 * Counts attempts before the password is verified, so that concurrent ones are counted too. Known and unknown accounts are counted alike
 * (docs/security/attacks.md, 28, 29). Attempts from unknown addresses lock the account for unknown addresses only: an address with an
 * earlier sign-in has a count of its own. A password reset always restores access: attempts against the old password do not count
 * against the new one.
 */
export class Attempts {
  readonly #limits: Limits;
  readonly #account: string;
  readonly #pair: string;

  /** `passwordHash` is undefined where there is no account, or no password. */
  constructor(limits: Limits, email: string, address: string, passwordHash: string | undefined) {
    this.#limits = limits;
    this.#account = pseudonym(`${email.toLowerCase()} ${passwordHash ?? ""}`);
    this.#pair = `${this.#account}/${address}`;
  }

  /** Takes an attempt. Returns the seconds to wait; 0 where the attempt is allowed. */
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
