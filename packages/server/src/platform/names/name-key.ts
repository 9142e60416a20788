import { createHash } from "node:crypto";
import { lookAlikes } from "./confusables.ts";

/** Skeletons (UTS #39, section 4) of single characters, towards ASCII. */
const skeletons = new Map(
  Object.entries(lookAlikes).flatMap(([skeleton, points]) =>
    points.split(" ").map((point) => [String.fromCodePoint(Number.parseInt(point, 16)), skeleton] as const),
  ),
);

/**
 * Default ignorable code points (zero-width characters, joiners, fillers, variation selectors, tags), and controls of direction
 * and format: nothing of it can be seen. What is not assigned is left alone, because another release of Unicode assigns it.
 */
const invisible = /[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}]/gu;
/** U+2800 is a Braille pattern without dots. */
const space = /[\p{Z}\s\u2800]+/gu;

/** Normalization makes up to 18 characters of one; an entry of an index holds 2,704 bytes. */
const keyLengthMax = 400;

/**
 * What two names have in common that differ in nothing that one can see: in case, width, spaces, invisible characters and characters that
 * look alike across scripts (UAX #15 NFKC, UTS #39). For comparing only; it is shown to nobody. Empty where nothing of the name can be
 * seen. The keys are stored: another outcome for the same name needs a step of the schema.
 */
export function nameKey(name: string): string {
  // What is invisible goes first, so that it keeps nothing apart that normalization would put together; line breaks and tabs are spaces.
  const shown = name.replace(space, " ").replace(invisible, "").normalize("NFKC").replace(invisible, "").normalize("NFD");
  const key = Array.from(shown, characterKey).join("").replace(space, " ").trim().normalize("NFC");
  return key.length <= keyLengthMax ? key : `#${createHash("sha256").update(key).digest("hex")}`;
}

/**
 * A letter has one key in both cases: the look-alike of its small form, else of its capital (Cyrillic н and Н are as H). A letter by
 * itself, because the small form of a Greek sigma depends on its place.
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
  // UTS #39 takes a capital I for an l. Both cases of a letter have one key, and i is no l.
  return ofCapital === "l" ? "i" : ofCapital.toLowerCase();
}

/** UTS #39 has these of ASCII, too: a zero is an O, a one is an l. */
const digitKeys: Readonly<Record<string, string>> = { 0: "o", 1: "l", "|": "l" };
