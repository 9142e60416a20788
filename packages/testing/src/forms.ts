/** Suites of many rounds have two forms: `npm test` runs the short one, `npm run test:long` (TEST_LONG=1) the long one. */
export const isLong = process.env["TEST_LONG"] === "1";

/** The number of rounds, or the size, in the form that runs. */
export const inForm = (form: { readonly short: number; readonly long: number }): number => (isLong ? form.long : form.short);
