/**
 * Generates docs/reference from the declarations: the API, the events, the errors, the configuration, the schema, the
 * operations, the audit actions. `--check` writes nothing and fails where a file is outdated.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { catalogue } from "../packages/server/src/operation/declaration/catalogue.ts";
import { eventSchemas } from "../packages/server/src/operation/documents/events-schema.ts";
import { openapi } from "../packages/server/src/operation/documents/openapi.ts";
import { manifests } from "../packages/server/src/runtime/modules.ts";
import { version } from "../packages/server/src/runtime/version.ts";
import { auditActionsPage } from "./references/audit-actions.ts";
import { configurationPage } from "./references/configuration.ts";
import { errorsPage } from "./references/errors.ts";
import { metricsPage } from "./references/metrics.ts";
import { operationsPage } from "./references/operations.ts";
import { schemaPage } from "./references/schema.ts";

const folder = join(import.meta.dirname, "..", "docs", "reference");
const known = catalogue(manifests);
const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

const files: Readonly<Record<string, string>> = {
  "openapi.json": json(openapi(known, { version, publicUrl: "http://127.0.0.1:8080" })),
  "events.json": json(eventSchemas(known)),
  "errors.md": errorsPage(known),
  "operations.md": operationsPage(known),
  "audit-actions.md": auditActionsPage(known),
  "configuration.md": configurationPage(),
  "metrics.md": metricsPage(),
  "schema.md": await schemaPage(),
};

const stale = Object.entries(files).filter(([name, text]) => {
  const file = join(folder, name);
  return !existsSync(file) || readFileSync(file, "utf8") !== text;
});

if (process.argv.includes("--check")) {
  for (const [name] of stale) process.stderr.write(`docs/reference/${name} is outdated; run npm run references.\n`);
  process.exitCode = stale.length > 0 ? 1 : 0;
} else {
  for (const [name, text] of stale) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
    process.stdout.write(`docs/reference/${name}\n`);
  }
}
