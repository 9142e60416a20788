import type { FastifyInstance, onRequestAsyncHookHandler } from "fastify";
import { isKnownToClient } from "#operation/http/entity-tags.ts";
import type { InboxItem } from "#platform/mail/inbox.ts";
import { inboxPolicy } from "./headers.ts";
import { inboxPage } from "./inbox-page.ts";
import type { Show } from "./show.ts";

export interface ReadableInbox {
  /** Newest first. */
  list(): Promise<readonly InboxItem[]>;
  /** Refuses callers on other machines. */
  readonly localOnly: onRequestAsyncHookHandler;
}

/** Without an inbox these addresses answer 404, like every unknown one. */
export function addInbox(scope: FastifyInstance, inbox: ReadableInbox | undefined, show: Show): void {
  if (inbox === undefined) return;
  const guarded = { onRequest: inbox.localOnly };
  scope.get("/dev/inbox", guarded, async (request, reply) => {
    const items = await inbox.list();
    const tag = inboxTag(items);
    reply.header("etag", tag).header("content-security-policy", inboxPolicy);
    if (isKnownToClient(request.headers["if-none-match"], tag)) return reply.code(304).send();
    return show(request, reply, (texts, language) => inboxPage(texts, language, items));
  });
  scope.get("/dev/inbox.json", guarded, async (_request, reply) => reply.send({ items: await inbox.list() }));
}

/** Changes with each new mail. Mails never change and only the oldest are dropped, so the newest identifies the list. */
const inboxTag = (items: readonly InboxItem[]): string => `"${items[0]?.id ?? "empty"}"`;
