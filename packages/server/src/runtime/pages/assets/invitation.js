// Guides through an invitation: sign-in or registration, then the acceptance.
import { currentUser, showAccount, signOut } from "./account.js";
import { wireActions } from "./actions.js";
import { check } from "./check.js";
import { clearErrors, wireForm } from "./form.js";
import { wireSignIn } from "./sign-in-form.js";
import { goTo, wireSteps } from "./steps.js";

const element = (id) => document.getElementById(id);
const note = element("sign-in-note");

function offer(user) {
  showAccount(user);
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

wireSignIn((body) => {
  note.hidden = true;
  offer(body.user);
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

wireActions(async () => {
  const failure = await signOut();
  return failure ?? goTo("sign-in");
});

wireSteps();
// The acceptance for a signed-in user, the sign-in for others.
check(async () => {
  const { user, failure } = await currentUser();
  if (failure !== undefined) return failure;
  if (user === null) goTo("sign-in");
  else offer(user);
});
