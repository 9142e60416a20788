import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The stored documents of each release, for comparison with the next: the API's description and the events' schemas. */
export type Kind = "openapi" | "events";
export const kinds: readonly Kind[] = ["openapi", "events"];

export const reference = join(import.meta.dirname, "..", "..", "docs", "reference");
export const folder = join(reference, "released");

export const read = <Document>(file: string): Document => JSON.parse(readFileSync(file, "utf8")) as Document;
export const present = <Document>(kind: Kind): Document => read(join(reference, `${kind}.json`));
export const nameOf = (kind: Kind, version: string): string => `${kind}-${version}.json`;

/** The document of the last release with its file name. Undefined before the first release. */
export function last<Document>(kind: Kind): { readonly file: string; readonly document: Document } | undefined {
  const file = newest(readdirSync(folder).filter((name) => new RegExp(`^${kind}-[\\d.]+\\.json$`).test(name)));
  return file === undefined ? undefined : { file, document: read(join(folder, file)) };
}

/** The one of the highest version; 0.10.0 is above 0.9.0. */
export const newest = (files: readonly string[]): string | undefined => files.toSorted(older).at(-1);

const numbers = (file: string): number[] => [...file.matchAll(/\d+/g)].map(([digits]) => Number(digits));
const older = (one: string, other: string): number =>
  numbers(one)
    .map((number, index) => number - (numbers(other)[index] ?? 0))
    .find((difference) => difference !== 0) ?? 0;
