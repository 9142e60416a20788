import { existsSync } from "node:fs";
import { join } from "node:path";
import { type ErrorDetail, OperationError } from "#operation/declaration/errors.ts";
import type { TypedOperation } from "#operation/declaration/operation.ts";
import { operator } from "#operation/declaration/principal.ts";
import type { Static, TObject, TSchema } from "#operation/declaration/schema.ts";
import { internalDispatch } from "#operation/kernel/internal-dispatch.ts";
import { pendingSteps } from "#platform/database/migrations.ts";
import { StartRefused } from "#platform/start-refused.ts";
import { assemble } from "../application.ts";
import type { Configuration } from "../configuration.ts";
import { controlPath } from "../control.ts";
import { DataDirectoryHeld, type Holder, holderOf, lockDataDir } from "../data-lock.ts";
import { schemaSteps } from "../modules.ts";
import { openStorage } from "../storage.ts";
import { causeOf } from "./cause.ts";

/** The running server that owns the embedded storage of this configuration, if any. */
export const runningServer = ({ databaseUrl, dataDir }: Configuration): Holder | undefined =>
  databaseUrl === undefined && dataDir !== "memory" ? holderOf(dataDir) : undefined;

/** Calls an operation as the operator and gives its output. */
export type CallOperation = <Input extends TObject, Output extends TSchema>(
  operation: TypedOperation<Input, Output>,
  input: Static<Input>,
) => Promise<Static<Output>>;

/** The configured storage has no installation; nothing was created. */
export class NoInstallation extends StartRefused {
  constructor(where: string) {
    super(`There is no installation in ${where}. \`gatehouse start\` creates one, \`gatehouse import\` moves one there.`);
    this.name = "NoInstallation";
  }
}

/** Calls one operation: through the running server, else on the storage itself, which is created where there is none. */
export const callOperation = <Input extends TObject, Output extends TSchema>(
  configuration: Configuration,
  operation: TypedOperation<Input, Output>,
  input: Static<Input>,
): Promise<Static<Output>> => withOperations(configuration, (call) => call(operation, input));

/**
 * Lets `work` call operations on an existing installation. Throws {@link NoInstallation} where there is none: a command that only reads
 * must not create an installation in a wrongly named database.
 */
export async function callOperations<T>(configuration: Configuration, work: (call: CallOperation) => Promise<T>): Promise<T> {
  await requireInstallation(configuration);
  return withOperations(configuration, work);
}

async function requireInstallation(configuration: Configuration): Promise<void> {
  const { databaseUrl, dataDir } = configuration;
  if (databaseUrl === undefined) {
    if (!existsSync(join(dataDir, "postgres"))) throw new NoInstallation(dataDir);
    return;
  }
  const database = await openStorage(configuration);
  try {
    const pending = await pendingSteps(database.owner, schemaSteps);
    if (pending.length === schemaSteps.length) throw new NoInstallation("the database of DATABASE_URL");
  } finally {
    await database.close();
  }
}

/** Lets `work` call operations through the running server, else on the storage itself, which is created where there is none. */
export async function withOperations<T>(configuration: Configuration, work: (call: CallOperation) => Promise<T>): Promise<T> {
  const holder = runningServer(configuration);
  if (holder) return work(callerOf(holder));
  const quiet = { ...configuration, logLevel: "error" };
  const lock = configuration.databaseUrl === undefined && configuration.dataDir !== "memory" ? lockOrServer(configuration) : undefined;
  if (lock && "pid" in lock) return work(callerOf(lock));
  const application = await assemble(quiet);
  try {
    const dispatch = internalDispatch(application.dispatch);
    return await work(async (called, input) => (await dispatch(called, input, { principal: operator })).output);
  } finally {
    await application.stop();
    lock?.release();
  }
}

/** The lock, or the server that took it at the same moment. */
function lockOrServer({ dataDir, settings }: Configuration) {
  try {
    return lockDataDir(dataDir, settings.publicUrl);
  } catch (error) {
    if (error instanceof DataDirectoryHeld && error.holder) return error.holder;
    throw error;
  }
}

/** The server runs the same release, so its answer has the declared type. */
const callerOf =
  (holder: Holder): CallOperation =>
  async <Input extends TObject, Output extends TSchema>({ name }: TypedOperation<Input, Output>, input: Static<Input>) =>
    (await callRunning(holder, name, input as Record<string, unknown>)) as Static<Output>;

async function callRunning(holder: Holder, operation: string, input: Record<string, unknown>): Promise<unknown> {
  const response = await fetch(new URL(controlPath, holder.url), {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${holder.secret}` },
    body: JSON.stringify({ operation, input }),
  }).catch((error: Error) => {
    // For example from another container, where the server's address is not reachable.
    const where = `process ${holder.pid} on ${holder.host} at ${holder.url}`;
    throw new StartRefused(
      `The server that owns the data directory (${where}) cannot be reached: ${causeOf(error)}.`,
      "unavailable",
      error,
    );
  });
  const body = (await response.json()) as { output?: unknown; error?: { code: string; message: string; details: ErrorDetail[] } };
  if (body.error)
    throw new OperationError({ code: body.error.code, message: body.error.message, status: response.status }, body.error.details);
  return body.output;
}
