import type { Authenticator, Distrust } from "../keys/authenticator.ts";
import type { Cached, Entry, Watermark } from "./snapshot-cache.ts";

/** Protects the snapshot: who can write to Redis must not be able to give rights (decision 0041). */
export interface Trust {
  readonly authenticator: Authenticator;
  /** Told of each text that is not what a process of this installation has written. */
  distrusted(kind: "entry" | "mark", why: Distrust): void;
}

/** Clocks of two machines may differ so much; beyond that a process takes no requests (`clock-guard.ts`). */
const skewMs = 120_000;

/**
 * Watermarks and values as they lie in Redis: `generation number code` and `generation version expiry code value`. A code is of everything
 * beside it, of the key, and of the kind, so that no value stands under another key, in another generation, or for longer than it was given.
 */
export function signedTexts({ authenticator, distrusted }: Trust) {
  const watermarkParts = ({ generation, number }: Watermark): string[] => ["mark", generation, String(number)];
  return {
    watermarkOf: (watermark: Watermark): string =>
      `${watermark.generation} ${watermark.number} ${authenticator.sign(watermarkParts(watermark))}`,

    /** Null where there is none, and where it is not one of ours. */
    readWatermark(text: string | null | undefined): Watermark | null {
      if (text == null) return null;
      const [, generation, number, code] = /^(\S+) (\d{1,16})(?: (\S+))?$/.exec(text) ?? [];
      const watermark = { generation: generation ?? "", number: Number(number) };
      const why = generation === undefined ? "forged" : authenticator.distrust(watermarkParts(watermark), code);
      if (why === undefined) return watermark;
      distrusted("mark", why);
      return null;
    },

    /** What stands behind generation and version. */
    valueOf({ key, version, ttlSeconds, value }: Entry, generation: string): string {
      const expiry = String(Date.now() + ttlSeconds * 1_000);
      return `${expiry} ${authenticator.sign(["entry", key, generation, String(version), expiry, value])} ${value}`;
    },

    /** Null also for a value of another generation than the watermark's: it is dead. */
    readValue(text: string | null | undefined, key: string, { generation }: Watermark, refuse: () => void): Cached | null {
      if (typeof text !== "string" || !text.startsWith(`${generation} `)) return null;
      const [head, value] = headOf(text, generation.length + 1);
      const [version = "", expiry = "", code] = head;
      const isWritten = /^\d{1,20}$/.test(version) && /^\d{1,16}$/.test(expiry);
      const why = isWritten ? authenticator.distrust(["entry", key, generation, version, expiry, value], code) : "unsigned";
      const isOver = why === undefined && Number(expiry) + skewMs < Date.now();
      if (why === undefined && !isOver) return { value, version: BigInt(version) };
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
