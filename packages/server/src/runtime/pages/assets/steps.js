/** Shows one state of the page (steps.ts) and hides the others. Focuses the heading, so that a screen reader reads it. */
export function goTo(name) {
  for (const step of document.querySelectorAll("[data-step]")) step.hidden = step.dataset.step !== name;
  document.querySelector(`[data-step="${name}"] h1`).focus();
}
