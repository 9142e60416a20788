import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { type StaticFile, staticFileAt } from "./static-file.ts";

/** The files of the package that the page loads; no other file is served. */
const served: ReadonlySet<string> = new Set(["swagger-ui.css", "swagger-ui-bundle.js"]);

export interface SwaggerFiles {
  readonly version: string;
  /** The file of that name, read at the first request: it is large, and few processes serve it. */
  file(name: string): Promise<StaticFile> | undefined;
}

export function swaggerFiles(): SwaggerFiles {
  const require = createRequire(import.meta.url);
  const manifest = require.resolve("swagger-ui-dist/package.json");
  const { version } = require(manifest) as { version: string };
  const read = new Map<string, Promise<StaticFile>>();
  return {
    version,
    file(name) {
      if (!served.has(name)) return undefined;
      const known = read.get(name) ?? staticFileAt(join(dirname(manifest), name));
      read.set(name, known);
      return known;
    },
  };
}
