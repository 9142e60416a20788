import { Budget } from "@gatehouse/policy";
import { LRUCache } from "lru-cache";
import { OperationError, TooManyRequests } from "#operation/declaration/errors.ts";
import { isIdentified, type Principal, principalKey } from "#operation/declaration/principal.ts";
import type { Platform } from "#platform/platform.ts";

/** All decisions of one request: some 0.6 s of processor, in slices of 10 ms. What is beyond it is `evaluation_limit`. */
export const requestSteps = 12_000_000;
/** What is not spent is kept for so long: a page that asks much at once, and then nothing, is no attack. */
const savedSeconds = 10;
/** Principals that are remembered; one that falls out has spent nothing lately. */
const principalsMax = 10_000;

/** What the decisions of one principal may cost in this process: so many steps a second, and what it has saved. */
class Account {
  #left: number;
  #at: number;
  readonly #perSecond: number;

  constructor(perSecond: number, now: number) {
    this.#perSecond = perSecond;
    this.#left = perSecond * savedSeconds;
    this.#at = now;
  }

  /** Seconds to wait until something is left; 0 where something is. */
  wait(now: number): number {
    this.#left = Math.min(this.#perSecond * savedSeconds, this.#left + (Math.max(0, now - this.#at) / 1_000) * this.#perSecond);
    this.#at = now;
    return this.#left > 0 ? 0 : Math.max(1, Math.ceil(-this.#left / this.#perSecond));
  }

  /** May go below zero: a request that was begun is finished within its own budget. */
  spend(steps: number): void {
    this.#left -= steps;
  }
}

/** What requests for decisions may cost. One a process. */
export class DecisionBudgets {
  readonly #perSecond: number;
  readonly #accounts = new LRUCache<string, Account>({ max: principalsMax });

  constructor({ decisionStepsPerSecond }: Pick<Platform["settings"], "decisionStepsPerSecond">) {
    this.#perSecond = decisionStepsPerSecond;
  }

  /** The budget of one request. Throws `common.too_many_requests` where the principal has spent more than its share. */
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
