/**
 * Returns a function that finds the methods of an address among routes such as `GET /api/v1/users/:userId`. Called only where no route
 * matched, so it need not be fast.
 */
export function methodsAt(served: readonly (string | undefined)[]): (url: string) => readonly string[] {
  const routes = served.flatMap((route) => {
    if (route === undefined) return [];
    const [method, path] = route.split(" ") as [string, string];
    const pattern = path.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&").replaceAll(/:\w+/g, "[^/]+");
    const methods = method === "GET" ? ["GET", "HEAD"] : [method];
    return methods.map((allowed) => ({ method: allowed, pattern: new RegExp(`^${pattern}$`) }));
  });
  return (url) => {
    const path = pathOf(url);
    return [...new Set(routes.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method))].sort();
  };
}

/** The path as the router matches it: without the query, the authority of an absolute target and percent-encoding. */
function pathOf(url: string): string {
  const path = url.replace(/^[a-z][a-z\d+.-]*:\/\/[^/?#]*/i, "").split("?", 1)[0] as string;
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}
