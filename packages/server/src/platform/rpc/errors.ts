import { Unavailable } from "../unavailable.ts";

/** No process serves the subject now. Nothing was done, so the request may be retried. */
export class NoResponders extends Unavailable {
  constructor(subject: string, cause?: unknown) {
    super(`service behind ${subject}`, cause);
    this.name = "NoResponders";
  }
}
