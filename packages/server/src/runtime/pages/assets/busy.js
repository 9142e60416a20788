import { words } from "./words.js";

/** Makes a function that runs work one at a time: while the work of one button runs, the others do nothing. */
export function oneAtATime() {
  let running = false;
  return async (button, work) => {
    if (running) return;
    running = true;
    const content = [...button.childNodes];
    button.textContent = words.sending;
    // Not `disabled`, which would move the focus.
    button.setAttribute("aria-disabled", "true");
    try {
      await work();
    } finally {
      running = false;
      button.replaceChildren(...content);
      button.removeAttribute("aria-disabled");
    }
  };
}
