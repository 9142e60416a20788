// Requests a mail with a link to choose a new password.
import { wireForm } from "./form.js";
import { goTo, wireSteps } from "./steps.js";

const sent = document.getElementById("sent");

wireForm(document.getElementById("forgot"), {
  done(_body, { email }) {
    sent.textContent = sent.dataset.sentence.replace("{email}", () => email);
    goTo("done");
  },
});
wireSteps();
