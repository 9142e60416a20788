/** Fails where the API of this source would break a client of the last release (docs/reference/released). */
import { breaks } from "./openapi/compatibility.ts";
import type { Document } from "./openapi/document.ts";
import { today } from "./released/ends.ts";
import { last, present } from "./released/snapshots.ts";

const released = last<Document>("openapi");
if (released !== undefined) {
  const found = breaks(released.document, present("openapi"), today());
  for (const line of found) process.stderr.write(`${line} (${released.file})\n`);
  process.exitCode = found.length > 0 ? 1 : 0;
}
