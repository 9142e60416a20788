import type { FastifyInstance } from "fastify";
import type { ErrorDefinition } from "#operation/declaration/errors.ts";
import { addDocs } from "./docs-routes.ts";
import { errorPage, errorsPage, unknownErrorPage } from "./error-pages.ts";
import { setHeaders } from "./headers.ts";
import { addInbox, type ReadableInbox } from "./inbox-routes.ts";
import { addLinkPages } from "./link-routes.ts";
import { ownFiles } from "./own-files.ts";
import { pageSender, type Show } from "./show.ts";
import { addSignInPages } from "./sign-in/routes.ts";
import { startPage } from "./start-page.ts";
import { revalidate, sendFile } from "./static-file.ts";

export interface PageOptions {
  readonly publicUrl: string;
  readonly version: string;
  /** The API's description; called once, at the first request. */
  readonly openapi: () => object;
  /** Every error that the API can answer, by code. */
  readonly errors: ReadonlyMap<string, ErrorDefinition>;
  /** Only where mails are stored instead of sent (platform/mail/inbox.ts). */
  readonly inbox?: ReadableInbox | undefined;
}

/** The pages for people: start, set-up, signing in and out, the links in mails, the development inbox, the API, the errors. */
export function registerPages(app: FastifyInstance, options: PageOptions): void {
  const hasInbox = options.inbox !== undefined;
  const show = pageSender({ version: options.version, hasInbox });
  // A separate scope, so that these headers apply to the pages and not to the API.
  app.register(async (scope) => {
    scope.addHook("onRequest", async (request, reply) => setHeaders(reply, request.id));
    scope.get("/", (request, reply) => show(request, reply, (texts) => startPage(texts, options.publicUrl, hasInbox)));
    addLinkPages(scope, show);
    addSignInPages(scope, show);
    addInbox(scope, options.inbox, show);
    addDocs(scope, options.openapi, show);
    addErrorPages(scope, options.errors, show);
    await addOwnFiles(scope);
  });
}

/** Registers only the development inbox, for a process without the gateway role. */
export function registerInbox(app: FastifyInstance, version: string, inbox: ReadableInbox | undefined): void {
  const show = pageSender({ version, hasInbox: true });
  app.register(async (scope) => {
    scope.addHook("onRequest", async (request, reply) => setHeaders(reply, request.id));
    addInbox(scope, inbox, show);
    await addOwnFiles(scope);
  });
}

function addErrorPages(scope: FastifyInstance, errors: PageOptions["errors"], show: Show): void {
  scope.get("/errors", (request, reply) => show(request, reply, (texts) => errorsPage(texts, errors)));
  scope.get("/errors/:code", (request, reply) => {
    const { code } = request.params as { code: string };
    const error = errors.get(code);
    return show(request, reply, (texts) => (error === undefined ? unknownErrorPage(texts, code) : errorPage(texts, error)));
  });
}

async function addOwnFiles(scope: FastifyInstance): Promise<void> {
  const files = await ownFiles();
  scope.get("/pages/assets/:file", (request, reply) => {
    const file = files.get((request.params as { file: string }).file);
    return file === undefined ? reply.callNotFound() : sendFile(file, revalidate, request, reply);
  });
}
