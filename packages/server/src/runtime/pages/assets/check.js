import { sentenceFor } from "./words.js";

const waiting = document.getElementById("checking");
const error = document.getElementById("check-error");
const again = document.getElementById("check-again");

/** Runs `ask`, which shows the step that follows or resolves to a failure. A failure is shown with a button that asks again. */
export async function check(ask) {
  error.textContent = "";
  again.hidden = true;
  waiting.hidden = false;
  const failure = await ask();
  if (failure === undefined) return;
  waiting.hidden = true;
  error.textContent = sentenceFor(failure);
  again.hidden = false;
  again.onclick = async () => {
    await check(ask);
    if (!again.hidden) again.focus();
  };
}
