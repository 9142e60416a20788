// One interaction of the OpenID Provider: sign in, choose an organization, consent.
import { showAccount } from "./account.js";
import { wireActions } from "./actions.js";
import { call } from "./api.js";
import { check } from "./check.js";
import { showClient, showLink, showScopes } from "./client.js";
import { showFailure } from "./form.js";
import { navigate } from "./navigate.js";
import { wireSignIn } from "./sign-in-form.js";
import { goTo } from "./steps.js";

const element = (id) => document.getElementById(id);
/** What the consent shows; the answer names it, so that nothing else can be allowed with it. */
let shownScopes = [];

const steps = {
  login({ user, loginHint }) {
    element("sign-in-email").value = loginHint ?? user?.email ?? "";
    goTo(user === null ? "sign-in" : "account");
  },
  organization({ organizations, organizationId }) {
    element("no-organization").hidden = organizations.length > 0;
    element("organization-lead").hidden = organizations.length === 0;
    element("organizations").replaceChildren(...organizations.map((organization) => choiceOf(organization, organizationId)));
    goTo("organization");
  },
  consent({ client, organizations, organizationId, scopes }) {
    const organization = organizations.find(({ id }) => id === organizationId);
    element("in-organization").hidden = organization === undefined;
    element("organization-name").textContent = organization?.name ?? "";
    showScopes(scopes);
    shownScopes = scopes.map(({ value }) => value);
    showLink(element("policy"), client.policyUri);
    showLink(element("terms"), client.tosUri);
    goTo("consent");
  },
};

function choiceOf({ id, name }, currentId) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  const label = document.createElement("bdi");
  label.textContent = name;
  button.type = "button";
  button.className = "choice";
  button.dataset.action = "choose-organization";
  button.value = id;
  if (id === currentId) button.setAttribute("aria-current", "true");
  button.append(label);
  item.append(button);
  return item;
}

/** An interaction ends with its time, with an answer in another tab, and with the browser that it began in. */
const hasEnded = ({ status }) => status === 404 || status === 410;

async function showDetails() {
  const answer = await call("GET", `${location.pathname}/details`);
  if (!answer.ok) return hasEnded(answer.failure) ? goTo("expired") : answer.failure;
  const details = answer.body;
  // A newer server may ask for what this page does not know.
  if (!Object.hasOwn(steps, details.prompt)) return {};
  showClient(details.client);
  if (details.user !== null) showAccount(details.user);
  steps[details.prompt](details);
}

/** Sends the user's decision and follows its answer. Resolves to a failure. */
async function decide(action, more) {
  const answer = await call("POST", location.pathname, { action, ...more });
  if (answer.ok) return navigate(answer.body.redirectTo);
  if (hasEnded(answer.failure)) return goTo("expired");
  if (answer.failure.code === "openid.sign_in_again") return signInAgain(answer.failure);
  return answer.failure;
}

/** The application wants a newer sign-in than the session's (OpenID Connect Core §3.1.2.1, `max_age` and `prompt`). */
function signInAgain(failure) {
  goTo("sign-in");
  showFailure(element("sign-in"), failure);
}

wireActions((action, value) => {
  if (action === "choose-organization") return decide(action, { organizationId: value });
  return decide(action, action === "allow" ? { scopes: shownScopes } : {});
});

wireSignIn(() => decide("continue"));

check(showDetails);
