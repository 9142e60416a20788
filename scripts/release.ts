/**
 * `npm run release`: stores the API's description and the events' schemas of the version in packages/server/package.json, for comparison with
 * later versions. Refuses an existing version, and a sunset that is announced too late. It publishes nothing.
 */
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { version } from "../packages/server/src/runtime/version.ts";
import type { Schemas } from "./events/compatibility.ts";
import { type Document, operationsOf } from "./openapi/document.ts";
import { announcedLate, today } from "./released/ends.ts";
import { folder, kinds, last, nameOf, present, reference } from "./released/snapshots.ts";

const problems = [
  ...kinds
    .map((kind) => nameOf(kind, version))
    .filter((file) => existsSync(join(folder, file)))
    .map((file) => `${file} exists already: a release is stored once`),
  ...announcedLate(operationsOf(last<Document>("openapi")?.document ?? { paths: {} }), operationsOf(present("openapi")), today()),
  ...announcedLate(last<Schemas>("events")?.document ?? {}, present("events"), today()),
];
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exitCode = problems.length > 0 ? 1 : 0;

if (problems.length === 0) {
  mkdirSync(folder, { recursive: true });
  for (const kind of kinds) {
    copyFileSync(join(reference, `${kind}.json`), join(folder, nameOf(kind, version)));
    process.stdout.write(`docs/reference/released/${nameOf(kind, version)}\n`);
  }
}
