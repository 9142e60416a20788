/** The mail port. */
export interface Mail {
  /** Resolves when the message has been taken over by the next hop; a rejection means it was not. */
  send(message: Message): Promise<void>;
  ping(): Promise<void>;
  close(): Promise<void>;
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
