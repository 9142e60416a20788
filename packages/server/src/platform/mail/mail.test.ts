import { describeOnPostgresql, type Fresh, freshPglite, freshPostgresql } from "@gatehouse/testing/databases.ts";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type MailUnderTest, mailConformance } from "./conformance/mail-conformance.ts";
import { type SmtpReceiver, smtpReceiver } from "./conformance/smtp-receiver.ts";
import { type DevelopmentInbox, developmentInbox, inboxSteps } from "./inbox.ts";
import type { Message } from "./mail.ts";
import { smtpMail } from "./smtp.ts";

const message = (given: Partial<Message> = {}): Message => ({
  to: "ada@example.com",
  subject: "Hello",
  text: "A text.",
  html: "<p>A text.</p>",
  template: "verify-email",
  locale: "en",
  ...given,
});

const inboxOn = async (make: () => Promise<Fresh>): Promise<MailUnderTest> => {
  const fresh = await make();
  const inbox = developmentInbox(fresh.database);
  return {
    mail: inbox,
    delivered: async () => (await inbox.list()).map(({ to, subject, text, html }) => ({ to, subject, text, html })).toReversed(),
    close: () => fresh.close(),
  };
};

/** One for the whole file, because its creation takes seconds. */
let embedded: Promise<Fresh> | undefined;
afterAll(async () => (await embedded)?.close());

const describeOnPglite = async (): Promise<Fresh> => {
  embedded ??= freshPglite(inboxSteps);
  return { ...(await embedded), close: async () => {} };
};

mailConformance("the development inbox on PGlite", () => inboxOn(describeOnPglite));

describeOnPostgresql("mail on PostgreSQL", () => {
  mailConformance("the development inbox on PostgreSQL", () => inboxOn(() => freshPostgresql(inboxSteps)));
  mailConformance("the development inbox on PostgreSQL with a plain login", () => inboxOn(() => freshPostgresql(inboxSteps, "plain")));
});

mailConformance("SMTP", async () => {
  const receiver = await smtpReceiver();
  return {
    mail: smtpMail(receiver.url, "Gatehouse <no-reply@gatehouse.example>"),
    delivered: async () =>
      receiver.received.flatMap(({ to, headers, text, html }) =>
        to.map((each) => ({ to: each, subject: headers.get("subject") ?? "", text, html })),
      ),
    close: () => receiver.close(),
  };
});

describe("the development inbox", () => {
  let inbox: DevelopmentInbox;
  beforeAll(async () => {
    const { database } = await describeOnPglite();
    await sql`delete from development_mails`.execute(database.owner);
    inbox = developmentInbox(database);
  }, 60_000);

  it("is empty before a mail was sent", async () => {
    expect(await inbox.list()).toEqual([]);
  });

  it("lists the newest first, with the template, the language and the time", async () => {
    const before = Date.now();
    await inbox.send(message({ subject: "first", template: "verify-email", locale: "vi" }));
    await inbox.send(message({ subject: "second", template: "reset-password" }));
    const [second, first] = await inbox.list();
    expect([first, second]).toMatchObject([
      { subject: "first", template: "verify-email", locale: "vi" },
      { subject: "second", template: "reset-password", locale: "en" },
    ]);
    expect(first?.id).not.toBe(second?.id);
    expect(second?.createdAt).toBeInstanceOf(Date);
    expect(second?.createdAt.getTime()).toBeGreaterThanOrEqual(before - 1_000);
  });

  it("extracts the links of a text", async () => {
    await inbox.send(
      message({
        text: "Follow https://app.example/verify-email?token=a_b-c. Or (http://127.0.0.1:8080/x?a=1&b=2), or <https://app.example/y>!\nhttps://app.example/last",
      }),
    );
    expect((await inbox.list())[0]?.links).toEqual([
      "https://app.example/verify-email?token=a_b-c",
      "http://127.0.0.1:8080/x?a=1&b=2",
      "https://app.example/y",
      "https://app.example/last",
    ]);
    await inbox.send(message({ text: "no link" }));
    expect((await inbox.list())[0]?.links).toEqual([]);
  });

  it("retains the last two hundred mails", async () => {
    for (let index = 0; index < 205; index += 1) await inbox.send(message({ subject: `mail ${index}` }));
    const list = await inbox.list();
    expect(list).toHaveLength(200);
    expect(list.at(0)?.subject).toBe("mail 204");
    expect(list.at(-1)?.subject).toBe("mail 5");
  });
});

describe("mail over SMTP", () => {
  const withReceiver = async (test: (receiver: SmtpReceiver) => Promise<void>): Promise<void> => {
    const receiver = await smtpReceiver();
    try {
      await test(receiver);
    } finally {
      await receiver.close();
    }
  };
  const from = "Gatehouse <no-reply@gatehouse.example>";

  it("has the configured sender in the envelope and in the header, and only one recipient", () =>
    withReceiver(async (receiver) => {
      const mail = smtpMail(receiver.url, from);
      await mail.send(message());
      await mail.close();
      const [received] = receiver.received;
      expect(received).toMatchObject({ from: "no-reply@gatehouse.example", to: ["ada@example.com"] });
      expect(received?.headers.get("from")).toBe(from);
      expect(received?.headers.get("to")).toBe("ada@example.com");
      expect(received?.headers.has("bcc")).toBe(false);
      expect(received?.headers.get("content-type")).toMatch(/^multipart\/alternative/);
    }));

  it("authenticates with the percent-encoded credentials of its URL", () =>
    withReceiver(async (receiver) => {
      const url = new URL(receiver.url);
      const mail = smtpMail(`smtp://mailer%40example.com:p%3Ass%2Fw%40rd@${url.host}`, from);
      await mail.send(message());
      await mail.close();
      expect(receiver.received[0]?.credentials).toBe("mailer@example.com:p:ss/w@rd");
    }));

  it.each([
    ["the sender", "MAIL", "550 no"],
    ["the recipient", "RCPT", "550 no such user"],
    ["the recipient for now", "RCPT", "451 later"],
    ["the text", "CONTENT", "554 no"],
    ["the credentials", "AUTH", "535 no"],
  ])("fails when the server rejects %s, so that the message is retried", (_what, command, reply) =>
    withReceiver(async (receiver) => {
      receiver.refuse(command, reply);
      const mail = smtpMail(receiver.url.replace("//", "//user:password@"), from);
      await expect(mail.send(message())).rejects.toThrow();
      await mail.close();
      expect(receiver.received).toEqual([]);
    }),
  );

  it("fails when the connection breaks before the message was accepted", () =>
    withReceiver(async (receiver) => {
      receiver.breakInData();
      const mail = smtpMail(receiver.url, from);
      await expect(mail.send(message())).rejects.toThrow();
      await mail.close();
      expect(receiver.received).toEqual([]);
    }));

  it("fails, also a ping, if no server listens", async () => {
    const mail = smtpMail("smtp://127.0.0.1:1", from);
    await expect(mail.send(message())).rejects.toThrow();
    await expect(mail.ping()).rejects.toThrow();
    await mail.close();
  });

  it("times out on a silent server", () =>
    withReceiver(async (receiver) => {
      receiver.fallSilent();
      const mail = smtpMail(receiver.url, from, { timeoutMs: 150 });
      await expect(mail.send(message())).rejects.toThrow();
      await expect(mail.ping()).rejects.toThrow();
      await mail.close();
    }));

  it("has no password in the error of a failed authentication", () =>
    withReceiver(async (receiver) => {
      receiver.refuse("AUTH", "535 no");
      const mail = smtpMail(receiver.url.replace("//", "//user:hunter2hunter2@"), from);
      const error = await mail.send(message()).catch((reason: Error) => reason);
      expect(error).toBeInstanceOf(Error);
      expect(`${(error as Error).message} ${(error as Error).stack}`).not.toContain("hunter2hunter2");
      await mail.close();
    }));
});
