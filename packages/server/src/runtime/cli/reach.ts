import { operator } from "../../operation/caller.ts";
import { type ErrorDetail, OperationError } from "../../operation/errors.ts";
import { backgroundOrigin } from "../../operation/scheduled.ts";
import { assemble } from "../application.ts";
import type { Configuration } from "../configuration.ts";
import { controlPath } from "../control.ts";
import { DataDirectoryHeld, type Holder, holderOf, lockDataDir } from "../data-lock.ts";

/** The server that holds the embedded storage of this configuration, if one runs. */
export const runningServer = ({ databaseUrl, dataDir }: Configuration): Holder | undefined =>
  databaseUrl === undefined && dataDir !== "memory" ? holderOf(dataDir) : undefined;

/** Calls an operation as the operator: through the server that runs, else on the storage itself. */
export async function callOperation(configuration: Configuration, operation: string, input: Record<string, unknown>): Promise<unknown> {
  const holder = runningServer(configuration);
  if (holder) return callRunning(holder, operation, input);
  const quiet = { ...configuration, logLevel: "error" };
  const lock = configuration.databaseUrl === undefined && configuration.dataDir !== "memory" ? lockOrServer(configuration) : undefined;
  if (lock && "pid" in lock) return callRunning(lock, operation, input);
  const application = await assemble(quiet);
  try {
    return (await application.dispatch({ operation, input, caller: operator, origin: backgroundOrigin() })).output;
  } finally {
    await application.stop();
    lock?.release();
  }
}

/** The lock, or the server that took it in this moment. */
function lockOrServer({ dataDir, settings }: Configuration) {
  try {
    return lockDataDir(dataDir, settings.publicUrl);
  } catch (error) {
    if (error instanceof DataDirectoryHeld) return error.holder;
    throw error;
  }
}

async function callRunning(holder: Holder, operation: string, input: Record<string, unknown>): Promise<unknown> {
  const response = await fetch(new URL(controlPath, holder.url), {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${holder.secret}` },
    body: JSON.stringify({ operation, input }),
  });
  const body = (await response.json()) as { output?: unknown; error?: { code: string; message: string; details: ErrorDetail[] } };
  if (body.error)
    throw new OperationError({ code: body.error.code, message: body.error.message, status: response.status }, body.error.details);
  return body.output;
}
