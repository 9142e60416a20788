// Asks whether an application may end the session.
import { showAccount } from "./account.js";
import { wireActions } from "./actions.js";
import { call } from "./api.js";
import { check } from "./check.js";
import { showClient } from "./client.js";
import { navigate } from "./navigate.js";
import { goTo } from "./steps.js";

const hasEnded = ({ status }) => status === 404 || status === 410;

wireActions(async (action) => {
  if (action === "stay") return goTo("stayed");
  const answer = await call("POST", "/oauth2/logout/confirm", {});
  if (answer.ok) return navigate(answer.body.redirectTo);
  return hasEnded(answer.failure) ? goTo("expired") : answer.failure;
});

check(async () => {
  const answer = await call("GET", "/oauth2/logout/details");
  if (!answer.ok) return hasEnded(answer.failure) ? goTo("expired") : answer.failure;
  const { client, user } = answer.body;
  document.getElementById("client").hidden = client === null;
  document.getElementById("account").hidden = user === null;
  if (client !== null) showClient(client);
  if (user !== null) showAccount(user);
  goTo("question");
});
