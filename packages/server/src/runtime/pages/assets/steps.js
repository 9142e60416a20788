/** Shows one state of the page (steps.ts) and hides the others. The heading takes the focus, so that it is read out. */
export function goTo(name) {
  for (const step of document.querySelectorAll("[data-step]")) step.hidden = step.dataset.step !== name;
  document.querySelector(`[data-step="${name}"] h1`).focus();
}
