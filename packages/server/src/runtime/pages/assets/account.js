import { call } from "./api.js";
import { words } from "./words.js";

/** Shows the user (`email`, `firstName`, `lastName`) wherever the page names the account (parts.ts). */
export function showAccount(user) {
  const name = words.fullName.replace(/\{(\w+)\}/g, (_, part) => user[part] ?? "").trim();
  for (const element of document.querySelectorAll("[data-account]")) {
    element.textContent = element.dataset.account === "name" ? name : user.email;
  }
}

/** Resolves to the user of the browser's session, null without one, or a failure: `{ user }` or `{ failure }`. */
export async function currentUser() {
  const answer = await call("GET", "/api/v1/iam/users/me");
  if (answer.ok) return { user: answer.body };
  return answer.failure.status === 401 ? { user: null } : { failure: answer.failure };
}

/** Ends the session. Resolves to a failure, or to undefined, also where the session had ended already. */
export async function signOut() {
  const answer = await call("POST", "/api/v1/iam/auth/logout");
  return answer.ok || answer.failure.status === 401 ? undefined : answer.failure;
}
