// Signs in, then continues at the address that the server has put into the link, or shows the account.
import { currentUser, showAccount, signOut } from "./account.js";
import { wireActions } from "./actions.js";
import { check } from "./check.js";
import { navigate } from "./navigate.js";
import { wireSignIn } from "./sign-in-form.js";
import { goTo } from "./steps.js";

const next = document.getElementById("continue");

wireSignIn((body) => {
  if (next !== null) return navigate(next.href);
  showAccount(body.user);
  goTo("signed-in");
});

wireActions(async () => {
  const failure = await signOut();
  if (failure !== undefined) return failure;
  return next === null ? navigate("/signed-out") : goTo("sign-in");
});

check(async () => {
  const { user, failure } = await currentUser();
  if (failure !== undefined) return failure;
  if (user === null) return goTo("sign-in");
  showAccount(user);
  goTo("signed-in");
});
