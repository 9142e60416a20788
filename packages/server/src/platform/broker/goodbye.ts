import { within } from "../waiting.ts";

/** A broker that answers takes milliseconds. A stop has ten seconds (`graceMs`), of which handlers that run may need the rest. */
const goodbyeMs = 2_000;

/** Closes what a broker has to answer to; false where it did not in time, or it failed. Whatever then comes of it is the connection's end. */
export async function goodbye(work: Promise<unknown>): Promise<boolean> {
  try {
    await within(goodbyeMs, "the broker does not answer", work);
    return true;
  } catch {
    return false;
  }
}
