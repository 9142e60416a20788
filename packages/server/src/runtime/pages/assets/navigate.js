/**
 * Leaves the page. Never resolves, so that the button that caused it stays busy. The page that a browser restores from its memory when the
 * user goes back is loaded again, because what it shows is over.
 */
export function navigate(address) {
  addEventListener("pageshow", (event) => event.persisted && location.reload());
  location.assign(address);
  return new Promise(() => {});
}
