// The editor of a dispatch. Without this script the page has a textarea and a button.
//
// The text is saved a moment after the last key, if the file has not changed since it was opened; then findings and preview are updated.
// A file that changed elsewhere replaces the text if nothing was typed since; otherwise the user chooses a version.
import {
  Decoration, EditorState, EditorView, HighlightStyle, Language, RangeSetBuilder, Table, ViewPlugin, autocompletion, completionKeymap,
  defaultKeymap, defineLanguageFacet, drawSelection, highlightActiveLine, highlightSpecialChars, history, historyKeymap, keymap,
  lineNumbers, lintGutter, openSearchPanel, parser, searchKeymap, setDiagnostics, snippetCompletion, syntaxHighlighting, tags,
} from "./vendor/codemirror.js";
import { elementOf, lineOf } from "./preview-places.js";

const PAUSE = 500; // milliseconds between the last key and saving
const form = document.querySelector("form.write");
const area = form.querySelector("textarea");
const base = form.querySelector("input[name=base]");
const state = document.querySelector("#state");
const findings = document.querySelector("#findings");
const outdated = document.querySelector("#outdated");
const sinceSent = document.querySelector("#since-sent");
const measure = document.querySelector("#measure");
const clash = document.querySelector("#clash");
const path = form.getAttribute("action");
const today = form.dataset.today;

const templates = [
  ["article", "Article", `## \${The title of an article}\nsource: \${The name of the paper}\ndate: ${today}\nlink: https://\${example.org/the-article}\n\n\${The text of the article.}\n`],
  ["photo", "Photo above the note, in the fields at the top", "photo:\n  file: photos/${name.jpg}\n  alt: ${What it shows}\n  caption: ${}\n  credit: ${}\n"],
  ["image", "Picture in the text", "![${What it shows}](photos/${name.jpg})\n"],
  ["if", "Text for some readers only", "{% if reader.${city} == \"${Porto Novo}\" %}\n${The text for these readers.}\n{% endif %}\n"],
];
const snippets = templates.map(([label, detail, text]) => snippetCompletion(text, { label, detail, type: "keyword" }));

const colours = HighlightStyle.define([
  { tag: tags.heading, fontWeight: "600" },
  { tag: tags.strong, fontWeight: "600" },
  { tag: tags.emphasis, fontStyle: "italic" },
  { tag: [tags.link, tags.url], color: "var(--accent)" },
  { tag: [tags.monospace, tags.processingInstruction, tags.quote], color: "var(--muted)" },
]);
const look = EditorView.theme({
  "&": { backgroundColor: "var(--sheet)", color: "var(--ink)", fontSize: "13.5px", height: "100%" },
  "&.cm-focused": { outline: "2px solid var(--accent)", outlineOffset: "-2px" },
  ".cm-scroller": { fontFamily: "var(--code)", lineHeight: "1.6" },
  ".cm-content": { padding: "10px 0 40px", caretColor: "var(--ink)" },
  ".cm-gutters": { backgroundColor: "transparent", color: "var(--muted)", border: "none" },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--deep) 55%, transparent)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": { background: "var(--mark) !important" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".particular": { color: "var(--muted)" },
  ".field": { color: "var(--accent)" },
  ".cm-lintRange": { backgroundImage: "none !important", textDecoration: "underline wavy", textUnderlineOffset: "3px", textDecorationSkipInk: "none" },
  ".cm-lintRange-error": { textDecorationColor: "var(--bad)" },
  ".cm-lintRange-warning": { textDecorationColor: "var(--warn)" },
  ".cm-lintRange-info": { textDecorationColor: "var(--muted)" },
  ".cm-lint-marker": { content: "none", width: "8px", height: "8px", borderRadius: "50%", margin: "7px 0 0" },
  ".cm-lint-marker-error": { background: "var(--bad)" },
  ".cm-lint-marker-warning": { background: "var(--warn)" },
  ".cm-lint-marker-info": { background: "var(--muted)" },
  ".cm-tooltip": { background: "var(--sheet)", color: "var(--ink)", border: "1px solid var(--firm)", borderRadius: "6px", font: "13.5px/1.5 var(--look)" },
  ".cm-tooltip-autocomplete ul li": { padding: "4px 10px !important" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { background: "var(--accent) !important", color: "var(--on-accent) !important" },
  ".cm-completionIcon": { display: "none" },
  ".cm-diagnostic": { padding: "6px 10px", maxWidth: "420px" },
  ".cm-panels": { background: "var(--deep)", color: "var(--ink)", font: "13.5px/1.5 var(--look)" },
  ".cm-search label": { whiteSpace: "nowrap" },
  ".cm-textfield, .cm-button": { background: "var(--sheet)", backgroundImage: "none", color: "var(--ink)", border: "1px solid var(--firm)", borderRadius: "5px", fontSize: "13.5px" },
});

// The words of the panel “Find and replace”.
const phrases = {
  find: "Find", replace: "Replace", next: "Next", previous: "Previous", all: "All", "match case": "Match case", regexp: "Pattern",
  "by word": "Whole words", "replace all": "Replace all",
};

// The fields at the top are not Markdown: a comment there is no heading, and an underscore no emphasis.
const frontMatter = {
  defineNodes: [{ name: "FrontMatter", block: true }],
  parseBlock: [{
    name: "FrontMatter",
    before: "HorizontalRule",
    parse(context, line) {
      if (context.lineStart !== 0 || line.text.trimEnd() !== "---") return false;
      while (context.nextLine() && line.text.trimEnd() !== "---");
      context.nextLine();
      context.addElement(context.elt("FrontMatter", 0, context.prevLineEnd()));
      return true;
    },
  }],
};

// Markdown's grammar has no keys, particulars and merge fields; they are recognised line by line.
const words = ViewPlugin.fromClass(
  class {
    constructor(view) { this.decorations = paint(view); }
    update(change) { if (change.docChanged || change.viewportChanged) this.decorations = paint(change.view); }
  },
  { decorations: (plugin) => plugin.decorations },
);
const muted = Decoration.mark({ class: "particular" });
const field = Decoration.mark({ class: "field" });

function paint(view) {
  const builder = new RangeSetBuilder();
  for (const { from, to } of view.visibleRanges) {
    for (let at = from; at <= to; ) {
      const line = view.state.doc.lineAt(at);
      const key = /^\s*[a-z]+:(?=\s|$)/.exec(line.text);
      if (key) builder.add(line.from, line.from + key[0].length, muted);
      for (const found of line.text.matchAll(/\{\{.*?\}\}|\{%.*?%\}|\[\[.*?\]\]/g)) {
        if (!key || found.index >= key[0].length) builder.add(line.from + found.index, line.from + found.index + found[0].length, field);
      }
      at = line.to + 1;
    }
  }
  return builder.finish();
}

// In a shadow tree CodeMirror's styles are sheets made by script, which the page's policy allows, instead of inline ones, which it does not.
const host = document.createElement("div");
host.className = "code-host";
area.after(host);
area.hidden = true;
form.classList.add("live");
const root = host.attachShadow({ mode: "open" });

// What is put around the selected words.
const wraps = {
  bold: { key: "Mod-b", begin: "**", end: "**" },
  italic: { key: "Mod-i", begin: "*", end: "*" },
  web: { key: "Mod-k", begin: "[", end: "](https://)" },
};
function wrap({ begin, end }) {
  const { from, to } = view.state.selection.main;
  const isAddressNext = to > from && end.endsWith(")");
  const head = isAddressNext ? to + begin.length + end.length - 1 : to + begin.length;
  view.dispatch({
    changes: [{ from, insert: begin }, { from: to, insert: end }],
    selection: { anchor: isAddressNext ? head : from + begin.length, head }, userEvent: "input", scrollIntoView: true,
  });
  view.focus();
  return true;
}

let saved = area.value.replaceAll("\r\n", "\n");
let timer = 0;
let working = null;
let torn = false; // both the file and the text have changed

const view = new EditorView({
  parent: root,
  root,
  state: EditorState.create({
    doc: saved,
    extensions: [
      lineNumbers(), highlightSpecialChars(), history(), drawSelection(), highlightActiveLine(), EditorView.lineWrapping, lintGutter(),
      new Language(defineLanguageFacet({}), parser.configure([Table, frontMatter]), [], "dispatch"), syntaxHighlighting(colours), words, look,
      autocompletion({ override: [complete] }),
      keymap.of([
        { key: "Mod-s", run: () => { save(true); return true; }, preventDefault: true },
        ...["bold", "italic", "web"].map((name) => ({ key: wraps[name].key, run: () => wrap(wraps[name]), preventDefault: true })),
        ...completionKeymap, ...searchKeymap, ...historyKeymap, ...defaultKeymap,
      ]),
      EditorState.phrases.of(phrases),
      EditorView.contentAttributes.of({ "aria-label": "Text of the dispatch", tabindex: "0", spellcheck: "true" }),
      EditorView.updateListener.of((change) => {
        if (change.docChanged && !torn) later();
        if (change.selectionSet) follow();
      }),
    ],
  }),
});

// What “[[” and “{{” offer: the other dispatches by their titles, the fields of the readers by their names.
let known = { dispatches: [], fields: [] };
ask(`${path}/references`).then((answer) => (answer.ok ? answer.json() : known)).then((told) => { known = told; }).catch(() => {});

function complete(context) {
  const link = context.matchBefore(/\[\[[^[\]\n]*/);
  if (link) {
    const typed = link.text.slice(2).toLocaleLowerCase();
    const found = known.dispatches.filter((each) => each.slug.includes(typed) || each.title.toLocaleLowerCase().includes(typed));
    return { from: link.from + 2, filter: false, options: found.map((each) => ({ label: each.title, detail: each.slug, apply: linkTo(each.slug) })) };
  }
  const field = context.matchBefore(/\{\{[^\S\n]*(?:reader\.)?\w*/);
  if (field) return { from: field.from + 2 + /^[^\S\n]*(?:reader\.)?/.exec(field.text.slice(2))[0].length, options: known.fields.map((name) => ({ label: name, apply: fieldOf(name, field.from) })) };
  const word = context.explicit && context.matchBefore(/\w*/);
  return word ? { from: word.from, options: snippets } : null;
}

function linkTo(slug) {
  return (editor, _option, from, to) => {
    const end = editor.state.sliceDoc(to, to + 2) === "]]" ? to + 2 : to;
    editor.dispatch({ changes: { from, to: end, insert: `${slug}]]` }, selection: { anchor: from + slug.length + 2 } });
  };
}

// The text for readers without this field is selected, to be replaced.
function fieldOf(name, start) {
  return (editor, _option, _from, to) => {
    const rest = /^[^\S\n]*\}\}/.exec(editor.state.sliceDoc(to, editor.state.doc.lineAt(to).to))?.[0] ?? "";
    const begin = `{{ reader.${name} or "`, without = /name/.test(name) ? "reader" : "…";
    const at = start + begin.length;
    editor.dispatch({ changes: { from: start, to: to + rest.length, insert: `${begin}${without}" }}` }, selection: { anchor: at, head: at + without.length } });
  };
}

function text() { return view.state.doc.toString(); }
function say(words, bad = false) {
  state.setAttribute("aria-live", bad ? "assertive" : "off"); // routine messages are not read aloud
  state.textContent = words;
  state.classList.toggle("bad", bad);
}

function later() {
  say("Not saved yet");
  clearTimeout(timer);
  timer = setTimeout(() => save(false), PAUSE);
}

async function ask(address, options = {}) {
  const token = form.querySelector("input[name=csrf_token]").value;
  return fetch(address, { ...options, headers: { Accept: "application/json", "X-CSRF-Token": token } });
}

// The heading and the title of the page follow the title of the dispatch.
function head(title) {
  const heading = document.querySelector("h1 bdi");
  if (!title || heading.textContent === title) return;
  document.title = document.title.replace(heading.textContent, () => title);
  heading.textContent = title;
}

async function save(byHand) {
  clearTimeout(timer);
  if (torn) return;
  if (working) return later();
  const typed = text();
  if (typed === saved && !byHand) return say("Saved");
  const body = new FormData();
  body.set("text", typed);
  body.set("base", base.value);
  if (!byHand) body.set("auto", "1");
  say("Saving …");
  working = ask(path, { method: "POST", body });
  try {
    const answer = await working;
    if (answer.status === 401) return say("Not saved: you were signed out. Sign in in another tab; then saving continues here.", true), again();
    const told = await answer.json();
    if (answer.status === 409) return apart(told);
    if (!answer.ok) return say(told.message, true);
    saved = typed;
    base.value = told.digest;
    head(told.title);
    if (text() === typed) say(`Saved at ${new Date().toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })}`);
    show();
    proof();
  } catch {
    say("Not saved: no connection to the desk. Trying again.", true);
    again();
  } finally {
    working = null;
    if (text() !== saved && !torn && !state.classList.contains("bad")) later();
  }
}

function again() {
  clearTimeout(timer);
  timer = setTimeout(() => save(false), 5000);
}

async function proof() {
  const told = await ask(`${path}/findings`).then((answer) => (answer.ok ? answer.json() : null)).catch(() => null);
  if (told?.digest !== base.value) return; // no findings, or those of an earlier text
  findings.innerHTML = told.html;
  outdated.textContent = told.outdated;
  outdated.hidden = !told.outdated;
  sinceSent.textContent = told.since_sent;
  sinceSent.hidden = !told.since_sent;
  const count = view.state.doc.toString().split(/\s+/).filter(Boolean).length;
  measure.textContent = `${count.toLocaleString("en")} words${told.size ? ` · ${Math.ceil(told.size / 1024)} of ${measure.dataset.clip} KB (Gmail’s limit)` : ""}`;
  const marks = told.marks.map((mark) => {
    const line = view.state.doc.line(Math.min(Math.max(mark.line, 1), view.state.doc.lines));
    const characters = [...line.text].slice(0, Math.max(mark.column - 1, 0)).join("").length;
    const from = Math.min(line.from + characters, line.to);
    const word = /^[\p{L}\p{N}_]+|^\S/u.exec(line.text.slice(from - line.from));
    return { from, to: word ? from + word[0].length : line.to, severity: mark.severity === "note" ? "info" : mark.severity, message: mark.message };
  });
  view.dispatch(setDiagnostics(view.state, marks.sort((one, other) => one.from - other.from)));
}

// A click on a finding goes to its line.
findings.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-line]");
  if (!link) return;
  event.preventDefault();
  lead(Number(link.dataset.line));
});

// A form of a finding changes the saved text, which the answer has.
findings.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (text() !== saved) await save(true);
  if (torn || text() !== saved) return;
  const body = new FormData(event.target, event.submitter);
  body.set("base", base.value);
  const answer = await ask(event.target.getAttribute("action"), { method: "POST", body }).catch(() => null);
  const told = await answer?.json().catch(() => null);
  if (!answer?.ok) return say(told?.message ?? "No connection to the desk. Try again in a moment.", true);
  take(told);
  say("Saved");
});

function lead(number) {
  const line = view.state.doc.line(Math.min(Math.max(number, 1), view.state.doc.lines));
  view.dispatch({ selection: { anchor: line.from }, effects: EditorView.scrollIntoView(line.from, { y: "center" }) });
  view.focus();
}

// The preview. The next frame loads behind the present one, so that nothing flickers and the scroll position stays.
const stage = document.querySelector("#stage");
const reader = document.querySelector("#reader");
let chosen = stage.dataset.view;
let sealed = ""; // the reader, as a part of a query

async function choose() {
  const typed = reader.value.trim();
  const body = new URLSearchParams(new FormData(reader.form));
  const answer = typed ? await ask(reader.form.action, { method: "POST", body }).catch(() => null) : null;
  if (typed !== reader.value.trim()) return;
  sealed = answer?.ok ? (await answer.json()).query : "";
  show();
}

function show() {
  const next = document.createElement("iframe");
  next.title = "Preview of the message";
  next.setAttribute("sandbox", "allow-same-origin allow-popups allow-popups-to-escape-sandbox");
  next.className = chosen;
  next.addEventListener("load", () => {
    for (let old = next.previousElementSibling; old; old = next.previousElementSibling) {
      if (old.classList.contains("shown") && old.classList.contains(next.className)) {
        next.contentWindow?.scrollTo(0, old.contentWindow?.scrollY ?? 0);
      }
      old.remove();
    }
    next.classList.add("shown");
    next.contentDocument?.addEventListener("click", toSource);
    mark();
    line(query);
  });
  const query = `${new URLSearchParams({ view: chosen, v: base.value })}${sealed && `&${sealed}`}`;
  next.src = `${path}/letter?${query}`;
  stage.append(next);
}

// The preview follows the caret; a click in it leads to the line. The block of the caret’s line is outlined.
let following = 0;
let marked = 0; // the line

function follow() {
  clearTimeout(following);
  following = setTimeout(() => {
    const number = view.state.doc.lineAt(view.state.selection.main.head).number;
    if (number === marked) return;
    marked = number;
    mark(true);
  }, 200);
}

function mark(isToBeSeen = false) {
  const frame = stage.querySelector("iframe.shown");
  const page = frame?.contentDocument;
  if (!marked || !page?.body || chosen === "text") return;
  for (const each of page.querySelectorAll("[data-here]")) { each.style.outline = ""; each.removeAttribute("data-here"); }
  const element = elementOf(page, text().split("\n"), marked);
  if (!element) return;
  element.dataset.here = "";
  element.style.outline = "2px solid #2a7fa8";
  const place = element.getBoundingClientRect(), height = frame.clientHeight;
  if (!isToBeSeen || (place.top >= 0 && place.bottom <= height)) return;
  const isCalm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  frame.contentWindow.scrollTo({ top: frame.contentWindow.scrollY + place.top - height / 3, behavior: isCalm ? "auto" : "smooth" });
}

function toSource(event) {
  if (event.target.closest("a[href]")) return;
  const number = lineOf(event.currentTarget, text().split("\n"), event.target);
  if (number) lead(number);
}

// The line of the message in the inbox, above it.
const inbox = document.querySelector("#inbox");
async function line(query) {
  inbox.dataset.query = query;
  const told = await ask(`${path}/inbox?${query}`).then((answer) => (answer.ok ? answer.json() : null)).catch(() => null);
  if (told && inbox.dataset.query === query) inbox.innerHTML = told.html;
}

for (const link of document.querySelectorAll("a[data-view]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    chosen = link.dataset.view;
    for (const each of document.querySelectorAll("a[data-view]")) each.toggleAttribute("aria-current", each === link);
    show();
  });
}
reader.form.addEventListener("submit", (event) => { event.preventDefault(); choose(); });
reader.addEventListener("change", choose);

// Changes of the file elsewhere.
function take(told) {
  saved = told.text;
  base.value = told.digest;
  head(told.title);
  torn = false;
  clash.hidden = true;
  const at = Math.min(view.state.selection.main.head, told.text.length);
  view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: told.text }, selection: { anchor: at } });
  clearTimeout(timer);
  show();
  proof();
}

function apart(told) {
  torn = true;
  clash.hidden = false;
  say("Not saved: someone else changed this dispatch", true);
  clash.querySelector("[data-theirs]").onclick = () => { take(told); say("This is the other version now."); view.focus(); };
  clash.querySelector("[data-mine]").onclick = () => {
    base.value = told.digest;
    torn = false;
    clash.hidden = true;
    save(true);
    view.focus();
  };
}

const changes = new EventSource(`${path}/changes?base=${base.value}`);
changes.addEventListener("changed", async (event) => {
  if (event.data === base.value || working || torn) return;
  const answer = await ask(`${path}/text`);
  if (!answer.ok || working) return;
  const told = await answer.json();
  if (told.digest === base.value) return;
  if (text() !== saved) return apart(told);
  take(told);
  say("Someone else changed this dispatch. This is the new version.");
});
changes.addEventListener("gone", () => { changes.close(); say("This dispatch was removed or renamed. Copy your text before you leave this page.", true); });

// Photos and ready-made pieces.
// A piece is a paragraph of its own: after the line of the caret, with a blank line before and after it.
function insert(piece) {
  const typed = text();
  const top = /^---\n[^]*?\n---[ \t]*(?:\n|$)/.exec(typed)?.[0].length ?? 0;
  const caret = view.state.selection.main.head;
  const at = caret < top ? typed.length : view.state.doc.lineAt(caret).to;
  const before = typed.slice(0, at), after = typed.slice(at);
  const lead = /(^|\n\n)$/.test(before) ? "" : before.endsWith("\n") ? "\n" : "\n\n";
  const trail = /^(\n\n|\n?$)/.test(after) ? "" : after.startsWith("\n") ? "\n" : "\n\n";
  const whole = `${lead}${piece.trimEnd()}${after.startsWith("\n") ? "" : "\n"}${trail}`;
  view.dispatch({ changes: { from: at, insert: whole }, selection: { anchor: at + lead.length + piece.trimEnd().length }, scrollIntoView: true });
  view.focus();
}

// Inserts a mark within the sentence and offers what can stand there, as if the mark had been typed.
const marks = {
  link: { begin: "[[", end: "]]", isPossible: () => known.dispatches.length, otherwise: "There is no other dispatch to link to." },
  field: { begin: "{{ reader.", end: " }}", isPossible: () => known.fields.length, otherwise: "The lists of this dispatch have no fields." },
};
function insertInline({ begin, end, isPossible, otherwise }) {
  if (!isPossible()) return say(otherwise, true);
  view.focus();
  const { from, to } = view.state.selection.main;
  view.dispatch({ changes: { from, to, insert: `${begin}${end}` }, selection: { anchor: from + begin.length }, userEvent: "input.type", scrollIntoView: true });
}

// A piece with a field that the lists do not have gets one that they have.
function ofReaders(piece) {
  const [first] = known.fields;
  return !first || known.fields.includes("city") ? piece : piece.replace("reader.${city}", `reader.\${${first}}`).replace("${Porto Novo}", "${…}");
}

for (const button of document.querySelectorAll("button[data-piece]")) {
  button.addEventListener("click", () => {
    const [, , piece] = templates.find(([name]) => name === button.dataset.piece);
    insert(ofReaders(piece).replaceAll(/\$\{([^}]*)\}/g, "$1"));
  });
}
for (const button of document.querySelectorAll("button[data-inline]")) {
  button.addEventListener("click", () => { const name = button.dataset.inline; wraps[name] ? wrap(wraps[name]) : insertInline(marks[name]); });
}
document.querySelector("button[data-search]").addEventListener("click", () => { openSearchPanel(view); });

const photos = document.querySelector("form.photos");
photos.addEventListener("submit", async (event) => {
  event.preventDefault();
  const told = photos.querySelector(".told");
  const isAbove = event.submitter?.value === "above";
  if (isAbove && photoPlace().isTaken) return void (told.textContent = "There is a photo above the note already. Remove “photo:” and the lines under it first, or insert this one in the text.");
  told.textContent = "Uploading …";
  try {
    const answer = await ask(photos.getAttribute("action"), { method: "POST", body: new FormData(photos) });
    const kept = await answer.json();
    if (!answer.ok) return void (told.textContent = kept.message ?? "The upload failed. Try again.");
    if (isAbove) putAbove(kept.yaml);
    else insert(kept.markdown);
    told.textContent = "Photo inserted.";
    photos.reset();
    photos.closest("details").open = false;
  } catch {
    told.textContent = "No connection to the desk. Try again in a moment.";
  }
});

function photoPlace() {
  const front = /^---\n[^]*?\n(?=---[ \t]*(?:\n|$))/.exec(text())?.[0] ?? "";
  return { end: front.length, isTaken: /^photo:/m.test(front) };
}

function putAbove(yaml) {
  const { end } = photoPlace();
  view.dispatch({ changes: { from: end, insert: yaml }, selection: { anchor: end }, scrollIntoView: true });
  view.focus();
}

form.addEventListener("submit", (event) => { event.preventDefault(); save(true); });
window.addEventListener("beforeunload", (event) => { if (text() !== saved) event.preventDefault(); });
form.querySelector("label").addEventListener("click", () => view.focus());
measure.hidden = false;
show();
proof();
const wanted = /^#line-(\d+)$/.exec(window.location.hash); // from a finding on another page
if (wanted) lead(Number(wanted[1]));
