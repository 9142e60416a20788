// Guides through an invitation: sign-in or registration, then the acceptance.
import { call } from "./api.js";
import { clearErrors, showFailure, wireForm } from "./form.js";
import { goTo } from "./steps.js";
import { sentenceFor } from "./words.js";

const element = (id) => document.getElementById(id);
const note = element("sign-in-note");

/** Shows the acceptance to a signed-in user, and the sign-in to others. */
async function check() {
  element("check-error").textContent = "";
  element("check-again").hidden = true;
  element("checking").hidden = false;
  const answer = await call("GET", "/api/v1/iam/users/me");
  if (answer.ok) return offer(answer.body);
  if (answer.failure.status === 401) return goTo("sign-in");
  element("checking").hidden = true;
  element("check-error").textContent = sentenceFor(answer.failure);
  element("check-again").hidden = false;
}

function offer(user) {
  element("signed-in-as").textContent = user.email;
  clearErrors(element("accept"));
  goTo("accept");
}

function requireSignIn(why, email = "") {
  if (email !== "") element("sign-in-email").value = email;
  goTo("sign-in");
  note.hidden = false;
  // Last, because a screen reader announces changes of a visible note.
  note.textContent = why.replace("{email}", () => email);
}

wireForm(element("sign-in"), {
  done(body) {
    note.hidden = true;
    offer(body.user);
  },
});

// The answer is the same for a known and a new address, and most new ones must be confirmed first. So the page refers
// to the mail, which says which it is.
wireForm(element("register"), { done: (_user, { email }) => requireSignIn(note.dataset.registered, email) });

wireForm(element("accept"), {
  done: () => goTo("done"),
  failed({ status }) {
    if (status !== 401) return false;
    requireSignIn(note.dataset.ended);
    return true;
  },
});

element("other-account").addEventListener("click", async () => {
  const answer = await call("POST", "/api/v1/iam/auth/logout");
  if (answer.ok || answer.failure.status === 401) goTo("sign-in");
  else showFailure(element("accept"), answer.failure);
});

for (const link of document.querySelectorAll("[data-go]")) link.addEventListener("click", () => goTo(link.dataset.go));
element("check-again").addEventListener("click", check);
check();
