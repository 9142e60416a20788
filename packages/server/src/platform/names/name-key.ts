import { createHash } from "node:crypto";
import { lookAlikes } from "./confusables.ts";

/** Skeletons (UTS #39, section 4) of single characters, towards ASCII. */
const skeletons = new Map(
  Object.entries(lookAlikes).flatMap(([skeleton, points]) =>
    points.split(" ").map((point) => [String.fromCodePoint(Number.parseInt(point, 16)), skeleton] as const),
  ),
);

/**
 * Default ignorable code points (zero-width characters, joiners, fillers, variation selectors, tags), and direction and format
 * controls: none is visible. Unassigned code points are left unchanged, because a later release of Unicode may assign them.
 */
const invisible = /[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}]/gu;
/** Includes U+2800, a Braille pattern without dots. */
const space = /[\p{Z}\s\u2800]+/gu;

/** Normalization expands a character to up to 18, and an index entry has at most 2,704 bytes. */
const keyLengthMax = 400;

/**
 * The common key of names that look the same: names that differ only in case, width, spaces, invisible characters and characters that
 * look alike across scripts (UAX #15 NFKC, UTS #39). For comparison only, never displayed. Empty if no character of the name is
 * visible. The keys are stored, so a different result for the same name needs a schema step.
 */
export function nameKey(name: string): string {
  // Removes invisible characters first, because they would prevent normalization across them; line breaks and tabs are spaces.
  const shown = name.replace(space, " ").replace(invisible, "").normalize("NFKC").replace(invisible, "").normalize("NFD");
  const key = Array.from(shown, characterKey).join("").replace(space, " ").trim().normalize("NFC");
  return key.length <= keyLengthMax ? key : `#${createHash("sha256").update(key).digest("hex")}`;
}

/**
 * A letter has one key in both cases: the look-alike of its lower case, otherwise of its upper case (Cyrillic н and Н are like H). Per
 * letter, because the lower case of a Greek sigma depends on its position in a word.
 */
function characterKey(character: string): string {
  const digit = digitKeys[character];
  if (digit !== undefined) return digit;
  const capital = character.toUpperCase();
  const small = capital.toLowerCase();
  if (/^[ -~]+$/.test(small)) return small;
  const ofSmall = skeletons.get(small);
  if (ofSmall !== undefined) return ofSmall.toLowerCase();
  const ofCapital = skeletons.get(capital);
  if (ofCapital === undefined) return small;
  // UTS #39 maps a capital I to l. Both cases of a letter have one key, and i does not look like l.
  return ofCapital === "l" ? "i" : ofCapital.toLowerCase();
}

/** UTS #39 also maps these ASCII characters: a zero to O, a one to l. */
const digitKeys: Readonly<Record<string, string>> = { 0: "o", 1: "l", "|": "l" };
