import { createTransport } from "nodemailer";
import { policies } from "../resilience/policies.ts";
import { within } from "../waiting.ts";
import { AddressRefused, type Mail } from "./mail.ts";

/** The fields of nodemailer's errors. */
export interface SmtpError {
  /** The command that failed; CONN if the connection failed. */
  readonly command?: string;
  readonly responseCode?: number;
  /** The server's unchanged reply. */
  readonly response?: string;
}

/** Security or policy status (RFC 3463 §3.8), such as "relaying denied": it concerns the sender, not the mailbox. */
const policyStatus = /^5\d\d[ -]5\.7\./;

const timeoutMsDefault = policies["smtp.connection"].timeLimitMs;

/** Mail over SMTP (`smtp://user:password@host:port`, `smtps://…`). `from` is the envelope's and the header's sender. */
export function smtpMail(url: string, from: string, options: { readonly timeoutMs?: number } = {}): Mail {
  const timeout = options.timeoutMs ?? timeoutMsDefault;
  const transport = createTransport({ url, connectionTimeout: timeout, greetingTimeout: timeout, socketTimeout: timeout });
  return {
    async send({ to, subject, text, html }) {
      // As an object, so that the text is one address and never parsed as a list.
      try {
        await transport.sendMail({ from, to: { name: "", address: to }, subject, text, html });
      } catch (error) {
        const { command, responseCode = 0, response = "" } = error as SmtpError;
        // Replies from 500 on are permanent (RFC 5321 §4.2.1).
        throw command === "RCPT TO" && responseCode >= 500 ? new AddressRefused(error, !policyStatus.test(response)) : error;
      }
    },
    async ping() {
      await within(timeout, "the SMTP server does not answer", transport.verify());
    },
    async close() {
      transport.close();
    },
  };
}
