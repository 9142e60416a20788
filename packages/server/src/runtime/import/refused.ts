/** The import did not start, or was rolled back. The message has the reason and the remedy. */
export class ImportRefused extends Error {
  constructor(message: string) {
    super(message);
    this.name = "ImportRefused";
  }
}
