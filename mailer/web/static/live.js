// The live page of a send: replaces each fragment of the page that has changed, and reports a lost connection.
// Without this script the page shows the figures of the moment when it was loaded.

const live = document.getElementById("live");
const away = document.getElementById("away");
const AGAIN = 1000; // milliseconds between tries, after a response that was not a stream
let heard = new Date();

function clock(time) {
  return time.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

// Keeps the focus: the same button of the new fragment gets it.
function replace(name, html) {
  const place = document.getElementById(name);
  if (!place) return;
  const held = place.contains(document.activeElement) ? document.activeElement : null;
  const same = held && `${held.tagName}${held.value ?? ""}${held.getAttribute("formaction") ?? held.getAttribute("href") ?? ""}`;
  place.innerHTML = html;
  if (!held) return;
  const again = [...place.querySelectorAll("button, a")].find(
    (each) => `${each.tagName}${each.value ?? ""}${each.getAttribute("formaction") ?? each.getAttribute("href") ?? ""}` === same,
  );
  again?.focus({ preventScroll: true });
}

function listen() {
  const source = new EventSource(live.dataset.events);
  source.addEventListener("fragments", (event) => {
    heard = new Date();
    away.hidden = true;
    for (const [name, html] of Object.entries(JSON.parse(event.data))) replace(name, html);
  });
  source.addEventListener("open", () => {
    away.hidden = true;
  });
  source.addEventListener("error", () => {
    if (away.hidden) {
      away.querySelector("span").textContent = clock(heard);
      away.hidden = false;
    }
    if (source.readyState === EventSource.CLOSED) window.setTimeout(again, AGAIN);
  });
  window.addEventListener("pagehide", () => source.close(), { once: true });
}

// After a response without events: users who are signed out get the sign-in page, others reconnect.
async function again() {
  const asking = new AbortController();
  const answer = await fetch(live.dataset.events, { headers: { Accept: "application/json" }, signal: asking.signal }).catch(() => null);
  asking.abort();
  if (answer?.status === 401) window.location.reload();
  else listen();
}

listen();
// A page from the browser's back/forward cache is out of date.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) window.location.reload();
});
