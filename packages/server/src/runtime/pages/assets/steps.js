/** Shows one state of the page (steps.ts) and hides the others. Focuses the heading, so that a screen reader reads it. */
export function goTo(name) {
  for (const step of document.querySelectorAll("[data-step]")) step.hidden = step.dataset.step !== name;
  const heading = document.querySelector(`[data-step="${name}"] h1`);
  document.title = `${heading.textContent} · Gatehouse`;
  heading.focus();
}

/** Makes the buttons with `data-go` lead to their step. */
export function wireSteps() {
  for (const link of document.querySelectorAll("[data-go]")) link.addEventListener("click", () => goTo(link.dataset.go));
}
