/** A single-page application: it shows who has signed in, and calls an API with an access token. sign-in.js has the protocol. */
import { SignIn, SignInRefused } from "./sign-in.js";

/** @type {import("./sign-in.js").Settings} */
const settings = await (await fetch("/settings.json")).json();

const element = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const write = (/** @type {string} */ id, /** @type {unknown} */ text) => {
  element(id).textContent = String(text ?? "");
};

/** @type {SignIn} */
let signIn;

/**
 * Calls the API. A 401 ends what this page shows: the token was revoked, with the session or by an administrator.
 *
 * @param {string} method
 * @param {string} path
 */
async function callApi(method, path) {
  const response = await fetch(settings.api + path, { method, headers: { authorization: `Bearer ${await signIn.accessToken()}` } });
  if (response.status === 401) throw new SignInRefused("session_ended");
  return response.json();
}

async function showOrders() {
  const { items = [], error } = await callApi("GET", "/orders");
  if (error !== undefined) write("problem", `Orders are refused: ${error.code}`);
  element("orders").replaceChildren(...items.map(orderLine));
  write("refreshes", signIn.refreshes);
}

/** @param {{ readonly id: string, readonly item: string, readonly approvedBy: string }} order */
function orderLine({ id, item, approvedBy }) {
  const line = document.createElement("li");
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Approve" });
  button.addEventListener("click", () => act(() => approve(id)));
  line.append(`${id}: ${item} `, approvedBy === "" ? button : "approved");
  return line;
}

/** Refused: this client has no scope for it, whatever its user may do elsewhere. */
async function approve(/** @type {string} */ id) {
  const { error } = await callApi("POST", `/orders/approve?id=${encodeURIComponent(id)}`);
  await showOrders();
  if (error !== undefined) write("problem", `Order ${id} was not approved: ${error.code}`);
}

async function showUser() {
  const { name, email, organization } = await signIn.profile();
  write("name", name);
  write("email", email);
  write("organization", /** @type {{ name: string } | undefined} */ (organization)?.name);
}

/** What the page says to errors of a sign-in. */
const sentences = new Map([
  ["access_denied", "You were not signed in, because it was cancelled."],
  ["invalid_grant", "Your session has ended. Sign in again."],
  ["session_ended", "Your session has ended. Sign in again."],
]);

/** @param {() => unknown} action */
async function act(action) {
  write("problem", "");
  try {
    await action();
  } catch (error) {
    if (!(error instanceof SignInRefused)) console.error(error);
    const code = error instanceof SignInRefused ? error.code : undefined;
    write("problem", code === undefined ? "That failed. Try again." : (sentences.get(code) ?? `You were not signed in: ${code}`));
    if (code !== undefined) show("signed-out");
  }
}

/** @param {"signed-in" | "signed-out"} section */
function show(section) {
  for (const id of ["signed-in", "signed-out"]) element(id).hidden = id !== section;
}

element("sign-in").addEventListener("click", () => act(() => signIn.begin()));
element("sign-out").addEventListener("click", () => act(() => signIn.end()));
element("refresh").addEventListener("click", () =>
  act(async () => {
    await signIn.refresh();
    await showOrders();
  }),
);

await act(async () => {
  signIn = await SignIn.discover(settings);
  show("signed-out");
  await signIn.complete();
  if (!signIn.isComplete) return;
  await showUser();
  await showOrders();
  show("signed-in");
});
