import { missingPrograms } from "@gatehouse/testing/own-services.ts";

/** Why the suite does not run here; undefined if it does. It starts services, so it is part of `npm run test:services`. */
export function skippedBecause(): string | undefined {
  if (process.env["TEST_BACKEND"] !== "postgresql") return "npm run test:services runs it";
  if (process.env["TEST_TOPOLOGY"] === "distributed") return "it starts processes of its own, and has run already";
  const missing = missingPrograms();
  return missing.length > 0 ? `this machine has no ${missing.join(", ")}` : undefined;
}
