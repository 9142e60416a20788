import { english } from "./english.ts";
import type { Language } from "./templates.ts";
import { vietnamese } from "./vietnamese.ts";

/** By the language part of a locale. */
export const languages: Readonly<Record<string, Language>> = { en: english, vi: vietnamese };
