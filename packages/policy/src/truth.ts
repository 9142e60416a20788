/**
 * Four truth values: false, true, invalid (a placeholder is missing or has the wrong type), and pending
 * (until more relationships are loaded). Small integers, because millions of decisions are made per second.
 */
export type Truth = 0 | 1 | 2 | 3;
export const no = 0;
export const yes = 1;
export const invalid = 2;
export const pending = 3;

/** True if one is; otherwise pending takes precedence over invalid, because an invalid operand may not matter once all are known. */
export function anyOf(truths: readonly Truth[]): Truth {
  let result: Truth = no;
  for (const truth of truths) {
    if (truth === yes) return yes;
    if (truth > result) result = truth;
  }
  return result;
}

/** False if one is; otherwise pending takes precedence over invalid. */
export function allOf(truths: readonly Truth[]): Truth {
  let result: Truth = yes;
  for (const truth of truths) {
    if (truth === no) return no;
    if (truth > result) result = truth;
  }
  return result;
}

/** Negates; invalid and pending are unchanged. */
export function notOf(truth: Truth): Truth {
  return truth === yes ? no : truth === no ? yes : truth;
}

export const truthOf = (value: boolean): Truth => (value ? yes : no);
