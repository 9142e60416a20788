import { within } from "../waiting.ts";

/** A working broker takes milliseconds. A stop has ten seconds (`graceMs`), of which running handlers may need the rest. */
const closeMs = 2_000;

/** Waits for a close that the broker must confirm; false if it fails or takes too long. The end of the connection then completes it. */
export async function closeInTime(work: Promise<unknown>): Promise<boolean> {
  try {
    await within(closeMs, "the broker does not answer", work);
    return true;
  } catch {
    return false;
  }
}
