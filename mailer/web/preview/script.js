// The page of the preview: loads the message again whenever the file was saved, and shows it as the controls say.
// The fragment of the URL stores the controls, so that a reload shows the same. All text is set as text, never as markup.

const byId = (id) => document.getElementById(id);
const controls = byId("controls");
const glass = byId("glass");
const narrow = matchMedia("(max-width: 900px)");
const REMEMBERED = ["view", "width", "scheme", "images", "as"];
const GRAVITY = ["error", "warning", "note"];

let made = -1; // the number of the message that is shown
let typed = {}; // fields that were typed, by name
let shownSource = null;
let shownProblems = "";
let wanted = false; // load once more when the present load has ended
let loading = null;
let latest = 0; // the newest request for the state

function chosen() {
  const form = new FormData(controls);
  return Object.fromEntries(REMEMBERED.map((name) => [name, form.get(name) ?? ""]));
}

function asked(more = {}) {
  const { scheme, images, as } = chosen();
  const fields = Object.fromEntries(Object.entries(typed).map(([name, value]) => [`field.${name}`, value]));
  return new URLSearchParams({ scheme, images, as, ...fields, ...more });
}

// The message: the next one is laid out behind the one that is shown, and takes its place and its scroll position.

function load() {
  wanted = true;
  loading ??= (async () => {
    while (wanted) {
      wanted = false;
      await next();
    }
    loading = null;
  })();
  return loading;
}

async function next() {
  const seen = glass.querySelector("iframe:not(.is-coming)");
  const coming = glass.querySelector("iframe.is-coming");
  coming.hidden = false;
  fit();
  await new Promise((resolve) => {
    coming.onload = resolve;
    coming.contentWindow.location.replace(`letter?${asked({ made })}`);
  });
  if (!coming.contentDocument) return; // the browser's own page, since the server has ended
  coming.contentWindow.scrollTo(seen.contentWindow.scrollX, seen.contentWindow.scrollY);
  coming.classList.remove("is-coming");
  coming.title = "The message";
  seen.classList.add("is-coming");
  seen.title = "The next version of the message";
  seen.hidden = true;
}

function fit() {
  const width = Number(chosen().width);
  const room = glass.clientWidth;
  const scale = Math.min(1, room / width);
  const height = narrow.matches ? Math.max(480, innerHeight * 0.75) : glass.clientHeight;
  if (narrow.matches) glass.style.height = `${height}px`;
  else glass.style.height = "";
  for (const frame of glass.children) {
    frame.style.width = `${width}px`;
    frame.style.height = `${height / scale}px`;
    frame.style.transform = scale < 1 ? `scale(${scale})` : "";
    frame.style.left = `${Math.max(0, (room - width * scale) / 2)}px`;
  }
}

async function words() {
  const { view } = chosen();
  if (view !== "text" && view !== "mailed") return;
  const answer = await fetch(`${view}?${asked()}`);
  if (answer.ok && chosen().view === view) byId("words").textContent = await answer.text();
}

function arrange() {
  const { view } = chosen();
  const seen = view === "dispatch" && !narrow.matches ? "letter" : view;
  byId("dispatch").hidden = narrow.matches && seen !== "dispatch";
  byId("letter").hidden = seen !== "letter";
  byId("plain").hidden = seen !== "text" && seen !== "mailed";
  byId("plain").classList.toggle("is-text", seen === "text");
  for (const each of document.querySelectorAll(".for-letter")) each.hidden = seen !== "letter";
  const remembered = new URLSearchParams(Object.entries(chosen()).filter(([, value]) => value));
  history.replaceState(null, "", `#${remembered}`);
  fit();
}

// Findings, subject, reader

async function tell() {
  const mine = ++latest;
  const answer = await fetch(`state?${asked()}`);
  if (!answer.ok || mine !== latest) return;
  const state = await answer.json();
  if (mine !== latest) return;
  byId("title").textContent = state.title ?? byId("path").textContent;
  byId("size").textContent = state.size ? ` · ${Math.round(state.size / 1024)} of 100 KB` : "";
  byId("from").textContent = state.from ?? "";
  byId("subject").textContent = state.subject ?? "";
  alarm(state);
  reader(state);
  findings(state);
}

function alarm(state) {
  const box = byId("alarm");
  const errors = state.problems.filter((problem) => problem.severity === "error").length;
  if (state.fault) box.textContent = state.fault;
  else if (state.made === 0 && errors) box.textContent = "Fix the errors to see a preview.";
  else if (state.before) box.textContent = "The dispatch has errors. The preview shows an earlier version until they are fixed.";
  box.hidden = !state.fault && !errors;
  box.classList.toggle("is-warning", !state.fault);
}

function reader(state) {
  const { as } = chosen();
  const names = Object.keys(typed);
  byId("who").textContent = as || (names.length ? "with the fields you typed" : "no one in particular");
  byId("reader-fault").textContent = state.reader_fault ?? "";
  byId("reader-fault").hidden = !state.reader_fault;
  const box = byId("fields");
  const fields = Object.entries(state.fields ?? {});
  if ([...box.querySelectorAll("input")].map((input) => input.dataset.name).join() !== fields.map(([name]) => name).join()) {
    box.replaceChildren(...fields.flatMap(([name]) => field(name)));
  }
  for (const input of box.querySelectorAll("input")) {
    if (input !== document.activeElement) input.value = state.fields[input.dataset.name];
  }
}

function field(name) {
  const input = Object.assign(document.createElement("input"), { id: `field-${name}`, spellcheck: false });
  input.dataset.name = name;
  const label = Object.assign(document.createElement("label"), { htmlFor: input.id, textContent: `reader.${name}` });
  return [label, input];
}

function findings(state) {
  const count = (severity) => state.problems.filter((problem) => problem.severity === severity).length;
  const counts = GRAVITY.map((each) => [each, count(each)]).filter(([, number]) => number);
  const summary = counts.map(([each, number]) => `${number} ${each}${number > 1 ? "s" : ""}`).join(", ");
  byId("found").textContent = summary || (state.final && !state.fault ? "No problems found" : "Findings");
  byId("status").textContent = state.final ? "· checked" : "· checking …";
  const problems = JSON.stringify(state.problems);
  if (state.source === null || (state.source === shownSource && problems === shownProblems)) return;
  shownSource = state.source;
  shownProblems = problems;
  byId("list").replaceChildren(...state.problems.map(entry));
  const lines = state.source.split(/\r\n|\r|\n/);
  if (lines.at(-1) === "") lines.pop();
  byId("lines").replaceChildren(...lines.map((text, index) => line(text, index + 1, state.problems)));
}

function make(name, text, className = "") {
  return Object.assign(document.createElement(name), { textContent: text, className });
}

function entry(problem) {
  const item = make("li", "");
  const place = make(problem.here ? "a" : "i", problem.here ? String(problem.line) : `${problem.path}:${problem.line}`);
  if (problem.here) place.href = `#line-${problem.line}`;
  item.append(place, " ", make("b", problem.severity, problem.severity), " ", make("i", said(problem)));
  return item;
}

function said(problem) {
  return `${problem.message}${problem.expected ? `; ${problem.expected}` : ""}`;
}

function line(text, number, problems) {
  const here = problems.filter((problem) => problem.here && problem.line === number);
  const worst = GRAVITY.find((severity) => here.some((problem) => problem.severity === severity));
  const item = make("li", text, worst ?? "");
  item.id = `line-${number}`;
  item.dataset.number = number;
  for (const problem of here) {
    const box = make("span", "", "say");
    box.append(make("b", problem.severity, problem.severity), ` ${said(problem)} [${problem.rule}]`);
    box.append(make("small", `${problem.why} ${problem.how}`));
    item.append(box);
  }
  return item;
}

// Controls

function again() {
  arrange();
  load();
  tell();
  words();
}

controls.addEventListener("submit", (event) => event.preventDefault());
controls.addEventListener("change", (event) => {
  if (event.target.dataset.name !== undefined) return;
  if (event.target.name === "as") typed = {};
  if (event.target.name === "width") arrange();
  else again();
});
controls.addEventListener("input", (event) => {
  const { name } = event.target.dataset;
  if (name === undefined) return;
  typed[name] = event.target.value;
  again();
});
byId("nobody").addEventListener("click", () => {
  typed = {};
  byId("as").value = "";
  byId("reader").open = false;
  again();
});
byId("reader").addEventListener("toggle", async () => {
  if (!byId("reader").open) return;
  const answer = await fetch("readers");
  if (!answer.ok) return;
  const options = (await answer.json()).map((address) => Object.assign(document.createElement("option"), { value: address }));
  byId("addresses").replaceChildren(...options);
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !byId("reader").open) return;
  byId("reader").open = false;
  byId("reader").querySelector("summary").focus();
});
byId("list").addEventListener("click", (event) => {
  const place = event.target.closest("a");
  if (!place) return;
  event.preventDefault(); // the fragment is the controls'
  byId(place.hash.slice(1))?.scrollIntoView({ block: "center" });
});

// Start

for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
  const control = REMEMBERED.includes(name) ? controls.elements[name] : null;
  if (control instanceof RadioNodeList) control.value = value;
  else if (control?.type === "checkbox") control.checked = true;
  else if (control) control.value = value;
}
arrange();
new ResizeObserver(fit).observe(glass);
narrow.addEventListener("change", arrange);

const events = new EventSource("events");
events.onmessage = async (event) => {
  const news = JSON.parse(event.data);
  if (news.made !== made) {
    made = news.made;
    words();
    await load(); // the message first
  }
  tell();
};
events.onerror = () => {
  byId("status").textContent = "· the preview has ended; start it again to go on";
};
