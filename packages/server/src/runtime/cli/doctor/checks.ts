import { checkBroker } from "./broker.ts";
import { type Check, good, warning } from "./check.ts";
import { checkDataDirectory } from "./data-directory.ts";
import { checkMail } from "./mail.ts";
import { checkPostgresql } from "./postgresql.ts";
import { checkServices } from "./services.ts";

/** The checks of `gatehouse doctor`, in the order of its report. Checks of the database are in postgresql.ts. */
export const checks: readonly Check[] = [
  async ({ ignored, warnings }) => [
    good(`Node ${process.versions.node}`),
    ...(ignored.length === 0 ? [good("the configuration can be read, and every setting has an effect")] : ignored.map(warning)),
    ...warnings.map(warning),
  ],
  checkDataDirectory,
  checkPostgresql,
  checkServices,
  checkBroker,
  checkMail,
];
