import { Unavailable } from "../database/driver-errors.ts";
import { isRejection, MessageRejected } from "./message-rejected.ts";

/** Any failure of a broker means that it cannot be asked now, except where it rejects the message itself. The cause stays in the log. */
export const unavailable = <T>(work: () => Promise<T>): Promise<T> =>
  work().catch((error) => {
    if (error instanceof Unavailable || error instanceof MessageRejected) throw error;
    throw isRejection(error) ? new MessageRejected(error) : new Unavailable("broker", error);
  });
