import { call } from "./api.js";
import { oneAtATime } from "./busy.js";
import { sentenceFor, sentenceForField, words } from "./words.js";

/**
 * Makes a form (fields.ts) send its fields as JSON to its operation, or with `send(input)`. Calls `done(body, input)` on success, else
 * `failed(failure, input)`, which returns true where it shows the failure itself.
 */
export function wireForm(form, { done, failed = () => false, send = (input) => call("POST", form.dataset.call, input) }) {
  const button = form.querySelector("button[type=submit]");
  for (const box of form.querySelectorAll("[data-reveal]")) wireReveal(box);
  const run = oneAtATime();

  async function submit() {
    clearErrors(form);
    const wrong = issuesOf(form);
    if (wrong.length > 0) return showFailure(form, { code: "common.validation_failed", details: wrong });
    const input = Object.fromEntries(new FormData(form));
    const answer = await send(input);
    if (answer.ok) {
      form.reset();
      await done(answer.body, input);
    } else if (!failed(answer.failure, input)) showFailure(form, answer.failure);
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run(button, submit);
  });
  button.disabled = false;
}

function wireReveal(box) {
  const password = document.getElementById(box.dataset.reveal);
  const follow = () => {
    password.type = box.checked ? "text" : "password";
  };
  box.addEventListener("change", follow);
  // After the reset the box is unchecked without having changed.
  box.form.addEventListener("reset", () => setTimeout(follow));
}

/** The issues that the browser finds without the server. */
function issuesOf(form) {
  return [...form.querySelectorAll("input[required]")].flatMap((input) => {
    if (input.value.trim() === "") return [{ field: input.name, rule: "required" }];
    return input.validity.typeMismatch ? [{ field: input.name, rule: "format:email" }] : [];
  });
}

/** Shows each detail at its field and the rest above the button, and focuses the first invalid field. */
export function showFailure(form, failure) {
  const elsewhere = failure.details.filter((detail) => !showAtField(form, detail));
  const first = form.querySelector("[aria-invalid=true]");
  form.querySelector(".form-error").textContent = generalSentence(failure, elsewhere, first !== null);
  first?.focus();
}

function showAtField(form, detail) {
  const input = form.querySelector(`input[required][name="${CSS.escape(detail.field ?? "")}"]`);
  if (input === null) return false;
  input.setAttribute("aria-invalid", "true");
  document.getElementById(`${input.id}-error`).textContent = sentenceForField(detail);
  return true;
}

function generalSentence(failure, elsewhere, marked) {
  if (failure.code !== "common.validation_failed") return sentenceFor(failure);
  if (elsewhere.some((detail) => detail.field === "token")) return words.badLink;
  const rest = elsewhere.map((detail) => `${detail.field ?? ""}: ${sentenceForField(detail)}`);
  return [marked && words.checkFields, ...rest].filter(Boolean).join(" ") || sentenceFor(failure);
}

export function clearErrors(form) {
  form.querySelector(".form-error").textContent = "";
  for (const input of form.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    document.getElementById(`${input.id}-error`).textContent = "";
  }
}
