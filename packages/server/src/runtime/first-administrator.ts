import { createUser, openSetUp } from "#modules/signin/authentication/index.ts";
import { OperationError } from "#operation/declaration/errors.ts";
import { internalDispatch } from "#operation/kernel/internal-dispatch.ts";
import type { Application } from "./application.ts";
import type { Configuration } from "./configuration.ts";

/** Creates the administrator that the variables name, or a one-time set-up link; neither when there is one already. */
export async function createFirstAdministrator(application: Application, configuration: Configuration): Promise<string | null> {
  const dispatch = internalDispatch(application.dispatch);
  const { token } = (await dispatch(openSetUp, {})).output;
  if (token === null || configuration.administrator === undefined) return token;
  try {
    await dispatch(createUser, {
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
      "the administrator of GATEHOUSE_ADMIN_EMAIL could not be created",
    );
    return token;
  }
}
