// Confirms an address with the password of the registration, or with a new one.
import { wireForm } from "./form.js";
import { goTo } from "./steps.js";

for (const form of document.querySelectorAll("form")) wireForm(form, { done: () => goTo("done") });
for (const link of document.querySelectorAll("[data-go]")) link.addEventListener("click", () => goTo(link.dataset.go));
