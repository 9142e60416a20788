// Connects a device: its code, the sign-in where one is needed, the permission.
import { showAccount } from "./account.js";
import { wireActions } from "./actions.js";
import { call } from "./api.js";
import { showClient, showScopes } from "./client.js";
import { showFailure, wireForm } from "./form.js";
import { wireSignIn } from "./sign-in-form.js";
import { goTo, wireSteps } from "./steps.js";

const codeForm = document.getElementById("code");
const input = document.getElementById("code-userCode");
/** The code that the user has confirmed. */
let userCode = "";

/** XXXX-XXXX, as devices show it. */
function formatted(text) {
  const plain = text.toUpperCase().replace(/[^A-Z0-9]/g, "");
  return plain.length > 4 ? `${plain.slice(0, 4)}-${plain.slice(4)}` : plain;
}

input.value = formatted(input.value);
input.addEventListener("input", (event) => {
  // A correction in the middle would move the cursor.
  if (!event.isComposing && input.selectionEnd === input.value.length) input.value = formatted(input.value);
});

const lookUp = () => call("GET", `${codeForm.dataset.call}?user_code=${encodeURIComponent(userCode)}`);

function showDetails({ client, scopes, user }) {
  if (user === null) return goTo("sign-in");
  showClient(client);
  showScopes(scopes);
  showAccount(user);
  document.querySelector("[data-user-code]").textContent = userCode;
  goTo("confirm");
}

/** Shows a failure in the step that can mend it; returns false where that is the step that is shown. */
function showElsewhere({ status }) {
  if (status === 401) goTo("sign-in");
  else if (status === 400 || status === 404 || status === 410) refuseCode();
  else return false;
  return true;
}

function refuseCode() {
  goTo("code");
  showFailure(codeForm, { code: "common.validation_failed", details: [{ field: "userCode", rule: "user_code" }] });
}

wireForm(codeForm, {
  send(fields) {
    userCode = formatted(fields.userCode);
    return lookUp();
  },
  done: showDetails,
  failed: showElsewhere,
});

wireSignIn(async () => {
  const answer = await lookUp();
  if (answer.ok) return showDetails(answer.body);
  return showElsewhere(answer.failure) ? undefined : answer.failure;
});

wireActions(async (action) => {
  const answer = await call("POST", "/oauth2/device", { userCode, action });
  if (answer.ok) return goTo(action === "allow" ? "done" : "denied");
  return showElsewhere(answer.failure) ? undefined : answer.failure;
});

wireSteps();
