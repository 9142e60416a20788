import { Unavailable } from "../database/faults.ts";

/** Whatever goes wrong between here and a broker: it cannot be asked now. The cause stays in the log. */
export const unavailable = <T>(work: () => Promise<T>): Promise<T> =>
  work().catch((error) => {
    throw error instanceof Unavailable ? error : new Unavailable("broker", error);
  });
