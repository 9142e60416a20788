import { fileURLToPath } from "node:url";

export const benchFolder = fileURLToPath(new URL("..", import.meta.url));
export const rootFolder = fileURLToPath(new URL("../..", import.meta.url));
export const resultsFolder = fileURLToPath(new URL("../results", import.meta.url));

export function serverFile(name: string): string {
  return fileURLToPath(new URL(`../servers/${name}`, import.meta.url));
}

export function inProcessFile(name: string): string {
  return fileURLToPath(new URL(`../in-process/${name}`, import.meta.url));
}
