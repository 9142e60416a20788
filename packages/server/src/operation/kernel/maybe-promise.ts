/** A value, or a promise of it. */
export type MaybePromise<T> = T | Promise<T>;

/** Calls `next` synchronously where `value` is no promise: a promise costs more than most in-memory answers. */
export function after<T, R>(value: MaybePromise<T>, next: (value: T) => MaybePromise<R>): MaybePromise<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/**
 * Runs `work` and passes its value to `onValue`, or its error to `onError`. Synchronous where `work` returns no promise. An error of
 * `onValue` is not passed to `onError`.
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
