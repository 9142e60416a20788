import type { Resilience } from "../resilience/resilience.ts";
import { AddressRefused, type Mail } from "./mail.ts";
import type { SmtpError } from "./smtp.ts";

/** A mail port whose sending is held within the bounds of "smtp". What the server says of one mail is its answer, and no fault of it. */
export function guardedMail(mail: Mail, resilience: Resilience): Mail {
  const guard = resilience.guard("smtp", "mail", isFailure);
  return {
    send: (message) => guard(() => mail.send(message)),
    ping: () => mail.ping(),
    close: () => mail.close(),
  };
}

/** Said of a mail and not of the server, unless it closes the channel with it (421, RFC 5321 §3.8). */
const ofOneMail: ReadonlySet<string | undefined> = new Set(["RCPT TO", "DATA"]);
const closing = 421;

/** A server that lets nobody in, or refuses our credentials or our sender, would refuse the next mail, too. */
function isFailure(error: unknown): boolean {
  if (error instanceof AddressRefused) return false;
  const { command, responseCode } = error as SmtpError;
  return !(ofOneMail.has(command) && responseCode !== undefined && responseCode !== closing);
}
