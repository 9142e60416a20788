import { Budget } from "@gatehouse/policy";
import { LRUCache } from "lru-cache";
import { OperationError, TooManyRequests } from "#operation/declaration/errors.ts";
import { isIdentified, type Principal, principalKey } from "#operation/declaration/principal.ts";
import type { Platform } from "#platform/platform.ts";

/** Steps of all decisions of one request: about 0.6 s of CPU time, in slices of 10 ms. Beyond it they fail with `evaluation_limit`. */
export const requestSteps = 12_000_000;
/** Seconds of unspent steps that accumulate: a page with a burst of checks is no attack. */
const burstSeconds = 10;
/** Principals with an account. An evicted one has not spent anything lately. */
const principalsMax = 10_000;

/** The token bucket of one principal in this process: steps a second, with a burst. */
class Account {
  #left: number;
  #at: number;
  readonly #perSecond: number;

  constructor(perSecond: number, now: number) {
    this.#perSecond = perSecond;
    this.#left = perSecond * burstSeconds;
    this.#at = now;
  }

  /** Seconds to wait until steps are left; 0 if there are some. */
  wait(now: number): number {
    this.#left = Math.min(this.#perSecond * burstSeconds, this.#left + (Math.max(0, now - this.#at) / 1_000) * this.#perSecond);
    this.#at = now;
    return this.#left > 0 ? 0 : Math.max(1, Math.ceil(-this.#left / this.#perSecond));
  }

  /** May go below zero: a running request is limited by its own budget only. */
  spend(steps: number): void {
    this.#left -= steps;
  }
}

/** Limits the cost of decisions per request and principal. One instance per process. */
export class DecisionBudgets {
  readonly #perSecond: number;
  readonly #accounts = new LRUCache<string, Account>({ max: principalsMax });

  constructor({ decisionStepsPerSecond }: Pick<Platform["settings"], "decisionStepsPerSecond">) {
    this.#perSecond = decisionStepsPerSecond;
  }

  /** The budget of one request. Throws `common.too_many_requests` if the principal has overspent. */
  of(principal: Principal): Budget {
    if (!isIdentified(principal)) return new Budget(requestSteps);
    const now = performance.now();
    const key = principalKey(principal);
    let account = this.#accounts.get(key);
    if (account === undefined) {
      account = new Account(this.#perSecond, now);
      this.#accounts.set(key, account);
    }
    const wait = account.wait(now);
    if (wait > 0) throw new OperationError(TooManyRequests, [], { retryAfterSeconds: wait });
    return new Budget(requestSteps, account);
  }
}
