import type { FastifyInstance } from "fastify";
import type { InboxItem } from "../../platform/mail/inbox.ts";
import { inboxPolicy } from "./headers.ts";
import { inboxPage } from "./inbox-page.ts";
import type { Show } from "./show.ts";

export interface ReadableInbox {
  /** Newest first. */
  list(): Promise<readonly InboxItem[]>;
}

/** Without an inbox these addresses lead nowhere, in the words of the door. */
export function addInbox(scope: FastifyInstance, inbox: ReadableInbox | undefined, show: Show): void {
  scope.get("/dev/inbox", async (request, reply) => {
    if (inbox === undefined) return reply.callNotFound();
    const items = await inbox.list();
    const tag = inboxTag(items);
    reply.header("etag", tag).header("content-security-policy", inboxPolicy);
    if (request.headers["if-none-match"] === tag) return reply.code(304).send();
    return show(request, reply, (texts, language) => inboxPage(texts, language, items));
  });
  scope.get("/dev/inbox.json", async (_request, reply) => {
    if (inbox === undefined) return reply.callNotFound();
    return reply.send({ items: await inbox.list() });
  });
}

/** Changes with each new mail. Mails are never altered and only the oldest are dropped, so the newest one says it all. */
const inboxTag = (items: readonly InboxItem[]): string => `"${items[0]?.id ?? "empty"}"`;
