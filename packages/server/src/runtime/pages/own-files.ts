import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { type StaticFile, staticFileAt, typeOf } from "./static-file.ts";

const folder = new URL("./assets/", import.meta.url);

/** The style sheets, scripts and the icon, by name, read once. A requested name is only looked up in this map. */
export async function ownFiles(): Promise<ReadonlyMap<string, StaticFile>> {
  const names = (await readdir(folder)).filter((name) => typeOf(name) !== undefined);
  return new Map(await Promise.all(names.map(async (name) => [name, await staticFileAt(fileURLToPath(new URL(name, folder)))] as const)));
}
