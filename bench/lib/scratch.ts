import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder for the data of one process, removed when the benchmark ends. */
export async function scratchFolder(scope: AsyncDisposableStack): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "gatehouse-bench-"));
  scope.defer(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
