/** A value that is there, or will be. */
export type MaybePromise<T> = T | Promise<T>;

/** Goes on with `value` at once when it is there: a promise costs more than most of what memory answers. */
export function after<T, R>(value: MaybePromise<T>, next: (value: T) => MaybePromise<R>): MaybePromise<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}
