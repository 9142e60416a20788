// Confirms an address with the password of the registration, or with a new one.
import { wireForm } from "./form.js";
import { goTo, wireSteps } from "./steps.js";

for (const form of document.querySelectorAll("form")) wireForm(form, { done: () => goTo("done") });
wireSteps();
