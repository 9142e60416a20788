import { createTransport } from "nodemailer";
import type { Mail } from "./mail.ts";

const timeoutMsDefault = 10_000;

/** Mail over SMTP (`smtp://user:password@host:port`, `smtps://…`). `from` is the envelope's and the header's sender. */
export function smtpMail(url: string, from: string, options: { readonly timeoutMs?: number } = {}): Mail {
  const timeout = options.timeoutMs ?? timeoutMsDefault;
  const transport = createTransport({ url, connectionTimeout: timeout, greetingTimeout: timeout, socketTimeout: timeout });
  return {
    async send({ to, subject, text, html }) {
      // As an object, so that it is one address whatever is written in it, and never a list of them.
      await transport.sendMail({ from, to: { name: "", address: to }, subject, text, html });
    },
    async ping() {
      await transport.verify();
    },
    async close() {
      transport.close();
    },
  };
}
