/** The mail port. */
export interface Mail {
  /** Resolves when the next hop has accepted the message. Rejects if it has not; with {@link AddressRefused} if it never will. */
  send(message: Message): Promise<void>;
  ping(): Promise<void>;
  close(): Promise<void>;
}

/** The server permanently rejects the recipient's address. */
export class AddressRefused extends Error {
  /** False if the server rejects the sender or the mail by policy, which says nothing about the mailbox. */
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
  /** The name of its template, such as `verify-email`. */
  readonly template: string;
  readonly locale: string;
}
