/**
 * Four values: what is false or true, what is invalid (a placeholder is missing or has the wrong type), and what cannot be told
 * until more relationships are at hand. Small integers, because decisions are made millions of times a second.
 */
export type Truth = 0 | 1 | 2 | 3;
export const no = 0;
export const yes = 1;
export const invalid = 2;
export const pending = 3;

/** True when one is; else pending before invalid, because an invalid part may not matter once all is known. */
export function anyOf(truths: readonly Truth[]): Truth {
  let result: Truth = no;
  for (const truth of truths) {
    if (truth === yes) return yes;
    if (truth > result) result = truth;
  }
  return result;
}

/** False when one is; else pending before invalid. */
export function allOf(truths: readonly Truth[]): Truth {
  let result: Truth = yes;
  for (const truth of truths) {
    if (truth === no) return no;
    if (truth > result) result = truth;
  }
  return result;
}

/** What is invalid or pending stays so. */
export function notOf(truth: Truth): Truth {
  return truth === yes ? no : truth === no ? yes : truth;
}

export const truthOf = (value: boolean): Truth => (value ? yes : no);
