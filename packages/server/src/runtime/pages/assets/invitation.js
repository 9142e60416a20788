// Leads through an invitation: who is it, then the acceptance.
import { call } from "./api.js";
import { clearErrors, showFailure, wireForm } from "./form.js";
import { goTo } from "./steps.js";
import { sentenceFor } from "./words.js";

const element = (id) => document.getElementById(id);
const note = element("sign-in-note");

/** The step that fits: acceptance for who is signed in, sign-in for the rest. */
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

function askToSignIn(why, email = "") {
  if (email !== "") element("sign-in-email").value = email;
  goTo("sign-in");
  note.hidden = false;
  // Last, since a screen reader speaks what changes in a note that is already to be seen.
  note.textContent = why.replace("{email}", () => email);
}

wireForm(element("sign-in"), {
  done(body) {
    note.hidden = true;
    offer(body.user);
  },
});

// The answer to a known address is the same as to a new one, and most new ones have to be confirmed first: so the
// person is sent to the mail, which says what is the case.
wireForm(element("register"), { done: (_user, { email }) => askToSignIn(note.dataset.registered, email) });

wireForm(element("accept"), {
  done: () => goTo("done"),
  failed({ status }) {
    if (status !== 401) return false;
    askToSignIn(note.dataset.ended);
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
