import { type Check, good } from "./check.ts";
import { checkDataDirectory } from "./data-directory.ts";
import { checkMail } from "./mail.ts";
import { checkPostgresql } from "./postgresql.ts";
import { checkServices } from "./services.ts";

/** Everything that `gatehouse doctor` looks at, in the order of its report. Checks of the database are in postgresql.ts. */
export const checks: readonly Check[] = [
  async () => [good(`Node ${process.versions.node}`), good("the configuration can be read")],
  checkDataDirectory,
  checkPostgresql,
  checkServices,
  checkMail,
];
