/** Suites with many rounds have a short form (`npm test`) and a long one (`npm run test:long`, TEST_LONG=1). */
export const isLong = process.env["TEST_LONG"] === "1";

/** The number of rounds, or the size, in the form that runs. */
export const inForm = (form: { readonly short: number; readonly long: number }): number => (isLong ? form.long : form.short);
