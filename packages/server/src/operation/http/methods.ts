import type { Operation } from "../operation.ts";

/** Tells the methods that the operations take at an address. Looked for where no route was found, so it need not be fast. */
export function methodsAt(operations: readonly Operation[]): (url: string) => readonly string[] {
  const routes = operations.flatMap(({ http }) => {
    if (http === undefined) return [];
    const [method, path] = http.split(" ") as [string, string];
    const pattern = path.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&").replaceAll(/:\w+/g, "[^/]+");
    return [{ method, pattern: new RegExp(`^${pattern}$`) }];
  });
  return (url) => {
    const path = url.split("?", 1)[0] as string;
    return [...new Set(routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method))].sort();
  };
}
