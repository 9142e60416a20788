// Pages with one form and one outcome: set-up, confirming an address, a new password.
import { wireForm } from "./form.js";
import { goTo } from "./steps.js";

wireForm(document.querySelector("form"), { done: () => goTo("done") });
