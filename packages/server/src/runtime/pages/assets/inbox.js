// Adds new mails while the page is visible, without moving or closing the mail that is being read.
import { words } from "./words.js";

const pauseMs = 5_000;
/** Requests to an unavailable server back off. */
const pauseMsMax = 60_000;

const mails = document.getElementById("mails");
const status = document.getElementById("inbox-status");
let seen;
let pause = pauseMs;

/** Formats times in the reader's time zone; the server could only write UTC. */
function localTimes(within) {
  const format = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "medium" });
  for (const time of within.querySelectorAll("time")) time.textContent = format.format(new Date(time.dateTime));
}

function merge(page) {
  const fresh = [...page.querySelectorAll("#mails article")];
  const current = new Set(fresh.map((mail) => mail.id));
  for (const mail of mails.querySelectorAll("article")) if (!current.has(mail.id)) mail.remove();
  const added = fresh.filter((mail) => document.getElementById(mail.id) === null).map((mail) => document.importNode(mail, true));
  for (const mail of added) localTimes(mail);
  mails.prepend(...added);
  return added;
}

function announce(added) {
  if (added.length === 0) return;
  const subject = added[0].querySelector("h2").textContent;
  status.textContent = added.length === 1 ? words.newMail.replace("{subject}", () => subject) : words.newMails.replace("{n}", added.length);
}

async function poll() {
  try {
    const answer = await fetch("/dev/inbox", { cache: "no-store", headers: seen === undefined ? {} : { "if-none-match": seen } });
    if (answer.status !== 304) {
      if (!answer.ok) throw new Error(`the inbox answered ${answer.status}`);
      announce(merge(new DOMParser().parseFromString(await answer.text(), "text/html")));
      seen = answer.headers.get("etag") ?? undefined;
    }
    if (status.textContent === words.inboxAway) status.textContent = "";
    pause = pauseMs;
  } catch {
    status.textContent = words.inboxAway;
    pause = Math.min(pause * 2, pauseMsMax);
  }
}

/** Polls one request after another, and none while the page is hidden. */
async function pollForever() {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, pause));
    if (document.hidden) await new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
    await poll();
  }
}

localTimes(mails);
pollForever();
