import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Mail, Message } from "../mail.ts";

/** A mail as delivered. */
export interface DeliveredMail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

export interface MailUnderTest {
  readonly mail: Mail;
  /** Everything that was delivered, oldest first. */
  delivered(): Promise<readonly DeliveredMail[]>;
  close(): Promise<void>;
}

/** The contract of the mail port, for every adapter. */
export function mailConformance(name: string, make: () => Promise<MailUnderTest>): void {
  describe(`mail: ${name}`, () => {
    let made: MailUnderTest;
    let address: (person?: string) => string;
    beforeAll(async () => {
      made = await make();
    }, 60_000);
    beforeEach(() => {
      const own = randomBytes(4).toString("hex");
      address = (person = "ada") => `${person}.${own}@example.com`;
    });
    afterAll(async () => {
      await made?.mail.close();
      await made?.close();
    });

    const message = (given: Partial<Message> = {}): Message => ({
      to: address(),
      subject: "Hello",
      text: "A text.",
      html: "<p>A text.</p>",
      template: "contract",
      locale: "en",
      ...given,
    });
    const deliveredTo = async (to: string) => (await made.delivered()).filter((mail) => mail.to === to);

    it("delivers a message unchanged", async () => {
      const sent = message({
        subject: "Confirm your address",
        text: "Good day,\n\nfollow the link.",
        html: "<p>Good day,</p>\n<p>follow the link.</p>",
      });
      await made.mail.send(sent);
      expect(await deliveredTo(sent.to)).toEqual([{ to: sent.to, subject: sent.subject, text: sent.text, html: sent.html }]);
    });

    it("preserves characters of every language", async () => {
      const sent = message({
        subject: "Xác nhận địa chỉ của bạn, “Ünïcode” \u{1F511} và một dòng tiêu đề rất dài để phải chia thành nhiều phần",
        text: "Xin chào Nguyễn Văn A,\n“Ünïcode” \u{1F511} = 100 % + ü",
        html: "<p>Xin chào Nguyễn Văn A,</p>\n<p>“Ünïcode” \u{1F511} = 100 % &amp; ü</p>",
      });
      await made.mail.send(sent);
      expect(await deliveredTo(sent.to)).toEqual([expect.objectContaining({ subject: sent.subject, text: sent.text, html: sent.html })]);
    });

    it("preserves long lines and links, and lines that begin with a dot", async () => {
      const link = `https://app.example/verify-email?token=${"a1_-".repeat(60)}&lang=en`;
      const sent = message({
        text: `.\n..dots\n${link}\n${"x".repeat(2_000)}\n.`,
        html: `<a href="${link.replaceAll("&", "&amp;")}">Confirm</a>\n${"y".repeat(2_000)}`,
      });
      await made.mail.send(sent);
      const [mail] = await deliveredTo(sent.to);
      expect(mail?.text).toBe(sent.text);
      expect(mail?.html).toBe(sent.html);
    });

    it("delivers to the one given address only", async () => {
      const [ada, bob] = [address("ada"), address("bob")];
      await made.mail.send(message({ to: ada, text: "for ada" }));
      await made.mail.send(message({ to: bob, text: "for bob" }));
      expect((await deliveredTo(ada)).map((mail) => mail.text)).toEqual(["for ada"]);
      expect((await deliveredTo(bob)).map((mail) => mail.text)).toEqual(["for bob"]);
      expect(await deliveredTo(address("carol"))).toEqual([]);
    });

    it.each<[string, (one: string, other: string) => string]>([
      ["a list of two", (one, other) => `${one}, ${other}`],
      ["a list of two with a semicolon", (one, other) => `${one};${other}`],
      ["a name that is an address", (one, other) => `${other} <${one}>`],
      ["a group", (one, other) => `friends: ${one}, ${other};`],
      ["a second header", (one, other) => `${one}\r\nBcc: ${other}`],
    ])("does not parse an invalid address as two: %s", async (_what, write) => {
      const [one, other] = [address("ada"), address("mallory")];
      // It may be rejected, or treated as one literal address.
      await made.mail.send(message({ to: write(one, other) })).catch(() => {});
      expect(await deliveredTo(other)).toEqual([]);
      expect(await deliveredTo(one)).toEqual([]);
    });

    it("does not treat a line break in a subject as a header or the begin of the text", async () => {
      const other = address("mallory");
      const sent = message({ subject: `Hello\r\nBcc: ${other}\r\n\r\nanother text` });
      await made.mail.send(sent).catch(() => {});
      expect(await deliveredTo(other)).toEqual([]);
      for (const mail of await deliveredTo(sent.to)) {
        expect(mail.text).toBe(sent.text);
        expect(mail.subject.replaceAll(/\s+/g, " ")).toBe(`Hello Bcc: ${other} another text`);
      }
    });

    it("delivers many concurrent mails, each once", async () => {
      const sent = Array.from({ length: 20 }, (_, index) => message({ to: address(`p${index}`), text: `for ${index}` }));
      await Promise.all(sent.map((each) => made.mail.send(each)));
      for (const each of sent) expect((await deliveredTo(each.to)).map((mail) => mail.text)).toEqual([each.text]);
    });

    it("answers a ping while it can deliver", async () => {
      await expect(made.mail.ping()).resolves.toBeUndefined();
    });
  });
}
