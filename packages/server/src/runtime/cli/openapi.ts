import { catalogue } from "#operation/declaration/catalogue.ts";
import { openapi } from "#operation/documents/openapi.ts";
import { manifests } from "../modules.ts";
import { version } from "../version.ts";
import type { Command } from "./command.ts";

/** The server of a description without an installation. */
const placeholder = "http://127.0.0.1:8080";

export const openapiCommand: Command = {
  words: ["openapi"],
  usage: "gatehouse openapi > openapi.json",
  does: "Print the API's description (OpenAPI 3.1).",
  async run() {
    process.stdout.write(`${JSON.stringify(openapi(catalogue(manifests), { version, publicUrl: placeholder }), null, 2)}\n`);
  },
};
