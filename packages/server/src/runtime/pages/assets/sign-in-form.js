import { call } from "./api.js";
import { oneAtATime } from "./busy.js";
import { showFailure, wireForm } from "./form.js";
import { sentenceFor } from "./words.js";

const form = document.getElementById("sign-in");
const unconfirmed = document.getElementById("unconfirmed");
const resend = document.getElementById("resend");
const resent = document.getElementById("resent");
const run = oneAtATime();
let email = "";

/**
 * Makes the form (parts.ts) sign in. Calls `done(body)` afterwards, and shows the failure that it resolves to. Offers the mail again to a
 * user whose address is not confirmed.
 */
export function wireSignIn(done) {
  wireForm(form, {
    async done(body) {
      unconfirmed.hidden = true;
      const failure = await done(body);
      if (failure !== undefined) showFailure(form, failure);
    },
    failed({ code }, input) {
      unconfirmed.hidden = code !== "auth.email_not_verified";
      resent.textContent = "";
      email = input.email;
      return false;
    },
  });
}

resend.addEventListener("click", () =>
  run(resend, async () => {
    const answer = await call("POST", "/api/v1/iam/auth/resend-confirmation", { email });
    resent.textContent = answer.ok ? resent.dataset.sentence.replace("{email}", () => email) : sentenceFor(answer.failure);
  }),
);
