import { createTransport } from "nodemailer";
import type { Mail } from "./mail.ts";

const timeoutMs = 10_000;

/** Mail over SMTP (`smtp://user:password@host:port`, `smtps://…`). `from` is the envelope's and the header's sender. */
export function smtpMail(url: string, from: string): Mail {
  const transport = createTransport(url, { from });
  Object.assign(transport.options, { connectionTimeout: timeoutMs, greetingTimeout: timeoutMs, socketTimeout: timeoutMs });
  return {
    async send({ to, subject, text, html }) {
      await transport.sendMail({ from, to, subject, text, html });
    },
    async ping() {
      await transport.verify();
    },
    async close() {
      transport.close();
    },
  };
}
