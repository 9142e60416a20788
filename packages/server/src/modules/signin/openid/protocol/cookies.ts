import { parseCookie } from "cookie";

/**
 * The cookies of the library. With HTTPS the session's has the `__Host-` prefix, so that no sibling host can set it. The others belong to the
 * paths of one interaction. They hold random ids, of which the database has hashes, so a signature would add nothing.
 */
export const cookieNames = (publicUrl: string) => ({
  session: publicUrl.startsWith("https:") ? "__Host-gh_openid" : "gh_openid",
  interaction: "gh_openid_interaction",
  resume: "gh_openid_resume",
});

export const cookieOptions = { httpOnly: true, sameSite: "lax", signed: false } as const;

/** The Cookie header of a browser that has also received these cookies. Without a name in both, the order is kept. */
export function withCookies(header: string | undefined, set: readonly string[]): string {
  const cookies = new Map(Object.entries(parseCookie(header ?? "")));
  for (const line of set) {
    const [pair = ""] = line.split(";", 1);
    const name = pair.slice(0, pair.indexOf("="));
    cookies.set(name, pair.slice(name.length + 1));
  }
  return [...cookies].map(([name, value]) => `${name}=${value}`).join("; ");
}
