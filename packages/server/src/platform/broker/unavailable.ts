import { Unavailable } from "../database/driver-errors.ts";
import { isRejection, MessageRejected } from "./message-rejected.ts";

/** Turns any error of a broker into `Unavailable`, unless the broker rejects the message itself. The cause is only logged. */
export const unavailable = <T>(work: () => Promise<T>): Promise<T> =>
  work().catch((error) => {
    if (error instanceof Unavailable || error instanceof MessageRejected) throw error;
    throw isRejection(error) ? new MessageRejected(error) : new Unavailable("broker", error);
  });
