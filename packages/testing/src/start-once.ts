import { pino } from "pino";
import { assemble } from "../../server/src/runtime/application.ts";
import { readConfiguration } from "../../server/src/runtime/configuration.ts";

/** An RSA key takes a tenth of a second to generate; what depends on the algorithm tests each one. */
export const tokenAlgorithm = { GATEHOUSE_TOKEN_ALGORITHM: "ES256" } as const;

/**
 * Starts and stops the product on an empty database. It leaves the schema, the job queue's tables and schedules, the system's permissions
 * and roles, their projection and their audit records.
 */
export async function startOnce(environment: Readonly<Record<string, string>>, image?: Blob): Promise<void> {
  const configuration = readConfiguration({ PUBLIC_URL: "http://127.0.0.1:8080", ...tokenAlgorithm, ...environment });
  const application = await assemble(configuration, { logger: pino({ level: "silent" }), ...(image === undefined ? {} : { image }) });
  await application.startWorker();
  await application.settled();
  await application.stop();
}
