import { Unavailable } from "../unavailable.ts";

/** No process serves the subject now. Nothing was done, so the request may be sent again. */
export class NobodyServes extends Unavailable {
  constructor(subject: string, cause?: unknown) {
    super(`service behind ${subject}`, cause);
    this.name = "NobodyServes";
  }
}
