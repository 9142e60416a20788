/** The import was not begun, or has undone everything: the message says why and what helps. */
export class ImportRefused extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ImportRefused";
  }
}
