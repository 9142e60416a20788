import { oneAtATime } from "./busy.js";
import { sentenceFor } from "./words.js";

/** Makes each button with `data-action` call `act(action, value)`, and shows the failure that it resolves to in the button's step. */
export function wireActions(act) {
  const run = oneAtATime();
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-action]");
    if (button === null) return;
    const error = button.closest("[data-step]").querySelector(".form-error");
    run(button, async () => {
      error.textContent = "";
      const failure = await act(button.dataset.action, button.value);
      if (failure !== undefined) error.textContent = sentenceFor(failure);
    });
  });
}
