import { sql } from "kysely";
import { v7 as uuid } from "uuid";
import { type Database, everyTenant } from "../database/database.ts";
import { type SchemaStep, sharedTable } from "../database/migrations.ts";
import type { Mail, Message } from "./mail.ts";

export const inboxSteps: readonly SchemaStep[] = [
  {
    name: "0003_mail_development_inbox",
    why: "the mails that a start without SMTP would have sent, shown at /dev/inbox",
    async up(db) {
      await sql`create table development_mails (
        id uuid primary key,
        recipient text not null,
        subject text not null,
        body_text text not null,
        body_html text not null,
        template text not null,
        locale text not null,
        created_at timestamptz not null default now()
      )`.execute(db);
      await sql`create index development_mails_newest on development_mails (created_at desc)`.execute(db);
      await sharedTable(db, "development_mails");
    },
  },
];

/** A URL in a text, without surrounding brackets and trailing punctuation. */
const link = /https?:\/\/[^\s<>"'()]*[^\s<>"'().,;:!?]/g;

/** The inbox has the latest mails only; older ones are deleted. */
const mailsMax = 200;

export interface InboxItem extends Message {
  readonly id: string;
  /** The URLs in the text, in order. */
  readonly links: readonly string[];
  readonly createdAt: Date;
}

export interface DevelopmentInbox extends Mail {
  /** Newest first. */
  list(): Promise<readonly InboxItem[]>;
}

interface Row {
  readonly id: string;
  readonly recipient: string;
  readonly subject: string;
  readonly body_text: string;
  readonly body_html: string;
  readonly template: string;
  readonly locale: string;
  readonly created_at: Date;
}

export function developmentInbox(database: Database): DevelopmentInbox {
  return {
    async send({ to, subject, text, html, template, locale }) {
      await database.transact(everyTenant, async (tx) => {
        await sql`insert into development_mails (id, recipient, subject, body_text, body_html, template, locale)
          values (${uuid()}, ${to}, ${subject}, ${text}, ${html}, ${template}, ${locale})`.execute(tx);
        await sql`delete from development_mails where id in (
          select id from development_mails order by id desc offset ${mailsMax})`.execute(tx);
      });
    },
    async list() {
      return database.read(everyTenant, async (db) => {
        const rows = (await db.selectFrom("development_mails").selectAll().orderBy("id", "desc").execute()) as Row[];
        return rows.map((row) => ({
          id: row.id,
          to: row.recipient,
          subject: row.subject,
          text: row.body_text,
          html: row.body_html,
          template: row.template,
          locale: row.locale,
          links: row.body_text.match(link) ?? [],
          createdAt: row.created_at,
        }));
      });
    },
    ping: () => database.ping(),
    close: async () => {},
  };
}
