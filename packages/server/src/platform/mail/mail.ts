/** The mail port. */
export interface Mail {
  /** Resolves when the message has been taken over by the next hop; a rejection means it was not, {@link AddressRefused} that it never will be. */
  send(message: Message): Promise<void>;
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** The server refuses the address for good: the mail can be sent to nobody. */
export class AddressRefused extends Error {
  /** False where the server refuses us or our mail by its policy, and says nothing of the mailbox. */
  readonly isUndeliverable: boolean;
  constructor(cause: unknown, isUndeliverable = true) {
    super("the mail server refuses the address for good", { cause });
    this.name = "AddressRefused";
    this.isUndeliverable = isUndeliverable;
  }
}

export interface Message {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** Which template it was made from, as `verify-email`. */
  readonly template: string;
  readonly locale: string;
}
