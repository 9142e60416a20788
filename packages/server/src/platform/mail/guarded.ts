import type { Resilience } from "../resilience/resilience.ts";
import { AddressRefused, type Mail } from "./mail.ts";
import type { SmtpError } from "./smtp.ts";

/** A mail port with the limits of the policy "smtp". A rejection of one mail is an answer, not a failure of the server. */
export function guardedMail(mail: Mail, resilience: Resilience): Mail {
  const guard = resilience.guard("smtp", "mail", isFailure);
  return {
    send: (message) => guard(() => mail.send(message)),
    ping: () => mail.ping(),
    close: () => mail.close(),
  };
}

/** Commands whose errors concern one mail, unless the server closes the channel (421, RFC 5321 §3.8). */
const ofOneMail: ReadonlySet<string | undefined> = new Set(["RCPT TO", "DATA"]);
const closing = 421;

/** A server that rejects the connection, our credentials or our sender would also reject the next mail. */
function isFailure(error: unknown): boolean {
  if (error instanceof AddressRefused) return false;
  const { command, responseCode } = error as SmtpError;
  return !(ofOneMail.has(command) && responseCode !== undefined && responseCode !== closing);
}
