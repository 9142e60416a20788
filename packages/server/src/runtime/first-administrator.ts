import { OperationError } from "#operation/errors.ts";
import { system } from "#operation/principal.ts";
import { backgroundOrigin } from "#operation/scheduled.ts";
import type { Application } from "./application.ts";
import type { Configuration } from "./configuration.ts";

/** Makes the administrator that the variables name, or a one-time link; neither when there is one already. */
export async function firstAdministrator(application: Application, configuration: Configuration): Promise<string | null> {
  const call = (operation: string, input: Record<string, unknown>) =>
    application.dispatch({ operation, input, principal: system, origin: backgroundOrigin() });
  const { output } = await call("tenancy.openSetUp", {});
  const { token } = output as { token: string | null };
  if (token === null || configuration.administrator === undefined) return token;
  try {
    await call("tenancy.createUser", {
      ...configuration.administrator,
      firstName: "First",
      lastName: "Administrator",
      administrator: true,
    });
    return null;
  } catch (error) {
    if (!(error instanceof OperationError)) throw error;
    application.platform.logger.warn(
      { err: error, details: error.details },
      "the administrator of GATEHOUSE_ADMIN_EMAIL could not be made",
    );
    return token;
  }
}
