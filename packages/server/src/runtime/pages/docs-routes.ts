import type { FastifyInstance } from "fastify";
import { docsPage } from "./docs-page.ts";
import type { Show } from "./show.ts";
import { immutableCache, revalidate, type StaticFile, sendFile, staticFile } from "./static-file.ts";
import { swaggerFiles } from "./swagger-files.ts";

/** Serves the API's description and the page that renders it. `openapi` is called once, at the first request. */
export function addDocs(scope: FastifyInstance, openapi: () => object, show: Show): void {
  const swagger = swaggerFiles();
  let description: Promise<StaticFile> | undefined;
  scope.get("/openapi.json", async (request, reply) => {
    description ??= staticFile(Buffer.from(JSON.stringify(openapi())), "application/json; charset=utf-8");
    return sendFile(await description, revalidate, request, reply);
  });
  scope.get("/docs", (request, reply) => show(request, reply, (texts) => docsPage(texts, swagger.version)));
  scope.get("/docs/assets/:file", async (request, reply) => {
    const file = swagger.file((request.params as { file: string }).file);
    return file === undefined ? reply.callNotFound() : sendFile(await file, immutableCache, request, reply);
  });
}
