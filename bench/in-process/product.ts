import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { rootFolder } from "../lib/paths.ts";

interface Decided {
  readonly decision: { readonly allowed: boolean };
}

/** The measured subset of the server's DecisionReader. */
export interface Reader {
  decide(userId: string, organizationId: string, action: string): Decided | Promise<Decided>;
}

export interface Product {
  readonly reader: Reader;
  startWorker(): Promise<void>;
  settled(): Promise<void>;
  stop(): Promise<void>;
}

const sourceFolder = join(rootFolder, "packages", "server", "src", "runtime");
const source = (file: string) => import(pathToFileURL(join(sourceFolder, file)).href);
const masterKey = randomBytes(32).toString("base64");

/** The server without its HTTP server, in this process. */
export async function openProduct(databaseUrl: string, dataFolder: string): Promise<Product> {
  const { readConfiguration } = await source("configuration.ts");
  const { assemble } = await source("application.ts");
  const { pino } = createRequire(join(sourceFolder, "application.ts"))("pino");
  const configuration = readConfiguration({
    PUBLIC_URL: "http://127.0.0.1:8080",
    DATABASE_URL: databaseUrl,
    GATEHOUSE_DATA_DIR: dataFolder,
    GATEHOUSE_MASTER_KEY: masterKey,
  });
  const application = await assemble(configuration, { logger: pino({ level: "error", messageKey: "message" }, process.stderr) });
  return application as Product;
}
