/** Fails where the events of this source would break consumers of the last release's (docs/reference/released). */
import { breaks, type Schemas } from "./events/compatibility.ts";
import { today } from "./released/ends.ts";
import { last, present } from "./released/snapshots.ts";

const released = last<Schemas>("events");
if (released !== undefined) {
  const found = breaks(released.document, present("events"), today());
  for (const line of found) process.stderr.write(`${line} (${released.file})\n`);
  process.exitCode = found.length > 0 ? 1 : 0;
}
