/** A value that is there, or will be. */
export type MaybePromise<T> = T | Promise<T>;

/** Continues with `value` at once when it is there: a promise costs more than most of what memory answers. */
export function after<T, R>(value: MaybePromise<T>, next: (value: T) => MaybePromise<R>): MaybePromise<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/**
 * Runs `work` and hands its value to `onValue`, or what it threw or rejected with to `onError`. At once where `work` gives no promise. An
 * error of `onValue` is not handed to `onError`.
 */
export function attempt<T, R>(
  work: () => MaybePromise<T>,
  onValue: (value: T) => MaybePromise<R>,
  onError: (error: unknown) => MaybePromise<R>,
): MaybePromise<R> {
  let value: MaybePromise<T>;
  try {
    value = work();
  } catch (error) {
    return onError(error);
  }
  return value instanceof Promise ? value.then(onValue, onError) : onValue(value);
}
