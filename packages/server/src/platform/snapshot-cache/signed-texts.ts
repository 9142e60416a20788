import type { Authenticator, Distrust } from "../keys/authenticator.ts";
import type { Cached, Entry, Watermark } from "./snapshot-cache.ts";

/** Protects the snapshot: write access to Redis must not suffice to grant rights (decision 0041). */
export interface Trust {
  readonly authenticator: Authenticator;
  /** Called for each text that no process of this installation has written. */
  distrusted(kind: "entry" | "mark", why: Distrust): void;
}

/** Clocks of two machines may differ by this much; beyond it a process accepts no requests (`clock-guard.ts`). */
const skewMs = 120_000;

/**
 * The Redis encoding of watermarks and values: `generation number code` and `generation version expiry code value`. A code authenticates the
 * other fields, the key, and the kind, so that no value is accepted under another key, in another generation, or after its expiry.
 */
export function signedTexts({ authenticator, distrusted }: Trust) {
  const signedFields = ({ generation, number }: Watermark): string[] => ["mark", generation, String(number)];
  return {
    watermarkOf: (watermark: Watermark): string =>
      `${watermark.generation} ${watermark.number} ${authenticator.sign(signedFields(watermark))}`,

    /** Null if there is none, or if it is not trusted. */
    readWatermark(text: string | null | undefined): Watermark | null {
      if (text == null) return null;
      const [, generation, number, code] = /^(\S+) (\d{1,16})(?: (\S+))?$/.exec(text) ?? [];
      const watermark = { generation: generation ?? "", number: Number(number) };
      const why = generation === undefined ? "forged" : authenticator.distrust(signedFields(watermark), code);
      if (why === undefined) return watermark;
      distrusted("mark", why);
      return null;
    },

    /** The text after generation and version. */
    valueOf({ key, version, ttlSeconds, value }: Entry, generation: string): string {
      const expiry = String(Date.now() + ttlSeconds * 1_000);
      return `${expiry} ${authenticator.sign(["entry", key, generation, String(version), expiry, value])} ${value}`;
    },

    /** Null also for a value of another generation than the watermark's, which is obsolete. */
    readValue(text: string | null | undefined, key: string, { generation }: Watermark, refuse: () => void): Cached | null {
      if (typeof text !== "string" || !text.startsWith(`${generation} `)) return null;
      const [head, value] = headOf(text, generation.length + 1);
      const [version = "", expiry = "", code] = head;
      const isWritten = /^\d{1,20}$/.test(version) && /^\d{1,16}$/.test(expiry);
      const why = isWritten ? authenticator.distrust(["entry", key, generation, version, expiry, value], code) : "unsigned";
      const isExpired = why === undefined && Number(expiry) + skewMs < Date.now();
      if (why === undefined && !isExpired) return { value, version: BigInt(version) };
      distrusted("entry", why ?? "expired");
      refuse();
      return null;
    },
  };
}

/** Version, expiry and code, then the value, which may have spaces of its own. */
function headOf(text: string, from: number): readonly [readonly string[], string] {
  const head: string[] = [];
  let at = from;
  for (let word = 0; word < 3; word += 1) {
    const space = text.indexOf(" ", at);
    if (space === -1) return [head, ""];
    head.push(text.slice(at, space));
    at = space + 1;
  }
  return [head, text.slice(at)];
}
