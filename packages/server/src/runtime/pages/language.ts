import { english, type Texts } from "./texts.ts";
import { vietnamese } from "./texts-vi.ts";

export const languages: Readonly<Record<"en" | "vi", Texts>> = { en: english, vi: vietnamese };
export type Language = keyof typeof languages;

/** Browsers send fewer preferences. */
const preferencesMax = 20;

/** The available language that the reader prefers (RFC 9110 §12.5.4); English where none matches. */
export function languageOf(acceptLanguage: string | undefined): Language {
  const wishes = (acceptLanguage ?? "").split(",", preferencesMax).flatMap((wish): { language: Language; weight: number }[] => {
    const [tag = "", ...parameters] = wish.split(";").map((text) => text.trim());
    const weight = Number(parameters.find((parameter) => parameter.startsWith("q="))?.slice(2) ?? 1);
    const language = languageNamed(tag.toLowerCase());
    return language !== undefined && weight > 0 ? [{ language, weight }] : [];
  });
  // The sort is stable: of two languages with equal weight, the first wins.
  return wishes.sort((one, other) => other.weight - one.weight)[0]?.language ?? "en";
}

function languageNamed(tag: string): Language | undefined {
  const primary = tag.split("-", 1)[0];
  if (primary === "en" || tag === "*") return "en";
  return primary === "vi" ? "vi" : undefined;
}
