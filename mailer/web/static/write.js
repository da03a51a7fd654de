// The editor of a dispatch. Without this script the page has a textarea and a button.
//
// Text and fields are saved together, a moment after the last key, if the file has not changed since it was opened; then findings
// and preview are updated. The server writes the fields into the text and answers with it (take, merge).
// A file that changed elsewhere replaces the text if nothing was typed since; otherwise the user chooses a version.
import {
  Decoration, EditorState, EditorView, HighlightStyle, Language, RangeSetBuilder, Table, ViewPlugin, autocompletion, completionKeymap,
  defaultKeymap, defineLanguageFacet, drawSelection, highlightActiveLine, highlightSpecialChars, history, historyKeymap, keymap,
  lineNumbers, lintGutter, openSearchPanel, parser, searchKeymap, setDiagnostics, snippetCompletion, syntaxHighlighting, tags,
} from "./vendor/codemirror.js";
import { layoutExtension, mapOffsets, offsetsIn, offsetsOf, setLayout, visible } from "./layout.js";
import { elementOf, lineOf } from "./preview-places.js";

const PAUSE = 500; // milliseconds between the last key and saving
const form = document.querySelector("form.write");
const area = form.querySelector("#text");
const fields = document.querySelector("#fields");
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
  ".comment": { color: "var(--muted)", fontStyle: "italic" },
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
const comment = Decoration.mark({ class: "comment" });

function paint(view) {
  const builder = new RangeSetBuilder(), doc = view.state.doc;
  const top = /^---[ \t]*\n(?:[^]*?\n)?---/.exec(doc.sliceString(0, 64_000))?.[0].length ?? 0;
  for (const { from, to } of view.visibleRanges) {
    for (let at = from; at <= to; ) {
      const line = doc.lineAt(at), isYaml = line.from < top;
      const key = (isYaml ? /^[ \t]*(?:- +)?[\w-]+:(?=\s|$)/ : /^\s*[a-z]+:(?=\s|$)/).exec(line.text);
      const found = [...line.text.matchAll(/\{\{.*?\}\}|\{%.*?%\}|\[\[.*?\]\]/g)].map((each) => [each.index, each.index + each[0].length, field]);
      const note = isYaml && /(?:^|\s)#.*$/.exec(line.text.replace(/"(?:[^"\\]|\\.)*"|'[^']*'/g, (quoted) => "x".repeat(quoted.length)));
      if (key) found.unshift([0, key[0].length, muted]);
      if (note) found.push([note.index, line.length, comment]);
      let end = 0;
      for (const [begin, stop, mark] of found) if (begin >= end) { builder.add(line.from + begin, line.from + stop, mark); end = stop; }
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
const sheet = new CSSStyleSheet();
sheet.replaceSync(`
  :host(.fields) .cm-lineNumbers { display: none !important; }
  :host(.fields) .cm-scroller { font-family: var(--read); font-size: 16px; overflow: visible; }
  :host(.fields) .cm-content { padding-inline: 12px; white-space: pre-wrap; }
  .article-place { display: flow-root; }
  :host(.fields) .headline { padding-top: 18px; font: 600 20px/1.35 var(--read); }
`);
root.adoptedStyleSheets = [sheet];

// What is put around the selected words.
const wraps = {
  bold: { key: "Mod-b", begin: "**", end: "**" },
  italic: { key: "Mod-i", begin: "*", end: "*" },
  web: { key: "Mod-k", begin: "[", end: "](https://)" },
};
function wrap({ begin, end }) {
  const { from, to } = view.state.selection.main;
  const around = view.state.sliceDoc(Math.max(0, from - begin.length - 1), to + end.length + 1);
  const isDone = to > from && begin === end && around.slice(1, -1) === begin + view.state.sliceDoc(from, to) + end && around.at(0) !== begin[0];
  if (isDone) { // once more: off
    view.dispatch({ changes: [{ from: from - begin.length, to: from }, { from: to, to: to + end.length }], userEvent: "input" });
    return true;
  }
  const isAddressNext = to > from && end.endsWith(")");
  const head = isAddressNext ? to + begin.length + end.length - 1 : to + begin.length;
  view.dispatch({
    changes: [{ from, insert: begin }, { from: to, insert: end }],
    selection: { anchor: isAddressNext ? head : from + begin.length, head }, userEvent: "input", scrollIntoView: true,
  });
  view.focus();
  return true;
}

// What is put before each of the selected lines; once more, and it is taken away.
const prefixes = { list: "- ", quote: "> ", subheading: "### " };
function prefix(mark) {
  const { from, to } = view.state.selection.main, doc = view.state.doc, changes = [];
  const first = doc.lineAt(from).number, last = doc.lineAt(to).number;
  const lines = Array.from({ length: last - first + 1 }, (_, number) => doc.line(first + number)).filter((line) => visible(view.state, line.from) && (line.length || first === last));
  const isDone = lines.length && lines.every((line) => line.text.startsWith(mark));
  for (const line of lines) {
    const before = /^(?:- |> |### )/.exec(line.text)?.[0].length ?? 0;
    changes.push({ from: line.from, to: line.from + before, insert: isDone ? "" : mark });
  }
  const all = view.state.changes(changes);
  view.dispatch({ changes: all, selection: view.state.selection.map(all, 1), userEvent: "input", scrollIntoView: true });
  view.focus();
}

let saved = area.value.replaceAll("\r\n", "\n");
let layout = JSON.parse(form.dataset.layout);
let sent = ""; // the fields as they were saved, or as the page came with them
let timer = 0;
let working = null;
let torn = false; // both the file and the text have changed

const view = new EditorView({
  parent: root,
  root,
  state: EditorState.create({
    doc: saved,
    extensions: [
      layoutExtension, lineNumbers(), highlightSpecialChars(), history(), drawSelection(), highlightActiveLine(), EditorView.lineWrapping, lintGutter(),
      new Language(defineLanguageFacet({}), parser.configure([Table, frontMatter]), [], "dispatch"), syntaxHighlighting(colours), words, look,
      autocompletion({ override: [complete] }),
      keymap.of([
        { key: "Mod-s", run: () => { save(true); return true; }, preventDefault: true },
        { key: "Alt-PageUp", run: () => moveHere("up"), preventDefault: true },
        { key: "Alt-PageDown", run: () => moveHere("down"), preventDefault: true },
        { key: "Mod-Enter", run: () => toFields() },
        ...["bold", "italic", "web"].map((name) => ({ key: wraps[name].key, run: () => wrap(wraps[name]), preventDefault: true })),
        ...completionKeymap, ...searchKeymap, ...historyKeymap, ...defaultKeymap,
      ]),
      EditorState.phrases.of(phrases),
      EditorView.contentAttributes.of({ "aria-label": "Text of the dispatch", tabindex: "0", spellcheck: "true" }),
      EditorView.domEventHandlers({
        beforeinput: (event, editor) => { // otherwise the browser keeps the style of what is replaced, inline, which the policy forbids
          if (event.inputType !== "insertText" || !event.data || event.isComposing || editor.state.selection.main.empty) return false;
          editor.dispatch(editor.state.replaceSelection(event.data), { userEvent: "input.type", scrollIntoView: true });
          return true;
        },
        paste: (event) => offerPicture(event, event.clipboardData),
        drop: (event) => offerPicture(event, event.dataTransfer),
      }),
      EditorView.updateListener.of((change) => {
        if (change.docChanged && pending) pending = pending.compose(change.changes);
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
  const slash = context.matchBefore(/\/\w*/);
  if (slash && !context.state.sliceDoc(context.state.doc.lineAt(slash.from).from, slash.from).trim()) {
    return { from: slash.from, filter: false, options: pieces.filter(([, label]) => label.toLowerCase().includes(slash.text.slice(1).toLowerCase())).map(([, label, run]) => ({ label, apply: (editor, _option, from, to) => { editor.dispatch({ changes: { from, to } }); run(); } })) };
  }
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

// The article of the caret is moved, or its form gets the focus.
function articleHere() {
  const at = view.state.selection.main.head;
  return offsetsIn(view.state)?.articles.findLast((each) => each.start <= at);
}
function moveHere(direction) {
  const article = articleHere();
  const button = article && host.querySelector(`fieldset[data-number="${article.number}"] button[value^="${direction}:"]`);
  if (button) save(true, button.value);
  return Boolean(article);
}
function toFields() {
  const article = articleHere();
  if (!article) return false;
  view.dispatch({ effects: EditorView.scrollIntoView(article.start, { y: "nearest", yMargin: 120 }) });
  view.requestMeasure({ read: () => {}, write: () => host.querySelector(`fieldset[data-number="${article.number}"] input`)?.focus() });
  return true;
}

// The state of all inputs of the form but the text, to see whether something was typed since.
function inputs() {
  const data = new FormData(form);
  for (const name of ["text", "base", "shown"]) data.delete(name);
  return JSON.stringify([...data].map(([name, value]) => [name, value instanceof File ? value.name && `${value.name} ${value.size}` : value]));
}

function isSaved() { return text() === saved && inputs() === sent; }

let waiting = ""; // the action of a button that was pressed during a save
async function save(byHand, action = "") {
  clearTimeout(timer);
  if (torn) return;
  if (working) return void (waiting = action || waiting, later());
  const typed = text(), filled = inputs();
  action ||= waiting;
  waiting = "";
  if (isSaved() && !byHand && !action) return say("Saved");
  const body = new FormData(form);
  body.set("text", typed);
  if (action) body.set("do", action);
  if (!byHand) body.set("auto", "1");
  const upload = form.querySelector("input[name=photo_file]");
  const isUpload = Boolean(upload?.files.length);
  say(isUpload ? "Uploading the photo …" : "Saving …");
  start = view.state;
  pending = start.changes([]);
  working = ask(path, { method: "POST", body });
  try {
    const answer = await working;
    if (answer.status === 401) return say("Not saved: you were signed out. Sign in in another tab; then saving continues here.", true), (waiting = action), again();
    const told = await answer.json();
    if (answer.status === 409) return apart(told);
    if (!answer.ok) {
      if (isUpload) upload.value = "";
      return say(told.message, true);
    }
    merge(told, typed, filled);
    if (isUpload && upload.isConnected) upload.value = "";
    if (isSaved()) say(`Saved at ${new Date().toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })}`);
    if (action) act(action);
    show();
    proof();
  } catch {
    say("Not saved: no connection to the desk. Trying again.", true);
    waiting = action;
    again();
  } finally {
    working = pending = null;
    if ((waiting || !isSaved()) && !torn && !state.classList.contains("bad")) later();
  }
}

// Takes over what was saved: the text with the fields in it, adapted to what was typed meanwhile; and the form, if it differs from
// what was posted and nothing was typed in it since.
let pending = null, start = null; // what was typed since the text was sent, and the state then
function merge(told, typed, filled) {
  saved = told.text ?? typed;
  base.value = told.digest;
  layout = told.layout;
  head(told.title);
  const answered = start.changes(difference(typed, saved));
  const since = pending;
  pending = null;
  const effects = setLayout.of(isSource() ? null : mapOffsets(offsetsOf(saved, layout), since.map(answered)));
  view.dispatch({ changes: answered.map(since, true), effects, filter: false });
  fill(told, filled);
}

// The one change that makes the second text of the first.
function difference(one, other) {
  if (one === other) return [];
  const most = Math.min(one.length, other.length);
  let from = 0, end = 0;
  while (from < most && one[from] === other[from]) from++;
  while (end < most - from && one.at(-1 - end) === other.at(-1 - end)) end++;
  return { from, to: one.length - end, insert: other.slice(from, other.length - end) };
}

function fill(told, filled) {
  if (told.html === undefined) { // the inputs are what was saved
    fields.querySelector("input[name=shown]").value = told.shown;
    sent = filled;
  } else if (inputs() === filled || !filled) {
    const open = [...form.querySelectorAll("details[open]")].map(nameOf);
    const focus = document.activeElement?.name && form.contains(document.activeElement) ? document.activeElement : null;
    const where = focus && [...form.elements].filter((each) => each.name === focus.name).indexOf(focus);
    const caret = focus && "selectionStart" in focus ? focus.selectionStart : null;
    fields.innerHTML = told.html;
    for (const each of fields.querySelectorAll("details")) each.open ||= open.includes(nameOf(each));
    adopt();
    const again = focus && [...form.elements].filter((each) => each.name === focus.name)[where];
    again?.focus({ preventScroll: true });
    if (again && caret !== null) try { again.setSelectionRange(caret, caret); } catch { /* a date has no caret */ }
    sent = inputs();
  }
  view.requestMeasure();
}

function nameOf(details) { return details.dataset.field ?? details.closest("fieldset")?.dataset.number; }

// Puts the forms of the articles where the editor shows them: they stay in this form, and appear in its slots.
function adopt() {
  for (const each of host.querySelectorAll("fieldset.article")) each.remove();
  for (const each of fields.querySelectorAll("fieldset.article")) {
    const handle = document.createElement("span");
    handle.className = "handle";
    handle.draggable = true;
    handle.title = "Drag to another place";
    handle.textContent = "⠿";
    handle.setAttribute("aria-hidden", "true");
    if (each.querySelector("button[name=do]")) each.querySelector(".actions")?.prepend(handle);
    host.append(each);
  }
  for (const each of fields.querySelectorAll("[data-another]")) each.hidden = false;
}

// After a button of an article: the caret in a new one, the focus on the one that was moved.
function act(action) {
  const [name, number, to] = action.split(":");
  const articles = offsetsIn(view.state)?.articles ?? [];
  if (name === "add" && articles.length) {
    const { start: at, title } = articles.at(-1);
    view.dispatch({ selection: { anchor: at + 3, head: title }, effects: EditorView.scrollIntoView(at, { y: "start", yMargin: 60 }) });
    view.focus();
  } else if (name === "remove") {
    view.focus();
  } else if (name !== "add") {
    const place = { up: Number(number) - 1, down: Number(number) + 1, move: Number(to) }[name];
    const moved = articles.find((each) => each.number === place);
    if (moved) view.dispatch({ effects: EditorView.scrollIntoView(moved.start, { y: "nearest", yMargin: 60 }) });
    host.querySelector(`fieldset[data-number="${place}"] button[name=do]`)?.focus({ preventScroll: true });
    say(`Saved. The article is now number ${place + 1}.`);
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
  if (!isSaved()) await save(true);
  if (torn || !isSaved()) return;
  const body = new FormData(event.target, event.submitter);
  body.set("base", base.value);
  const answer = await ask(event.target.getAttribute("action"), { method: "POST", body }).catch(() => null);
  const told = await answer?.json().catch(() => null);
  if (!answer?.ok) return say(told?.message ?? "No connection to the desk. Try again in a moment.", true);
  const now = await ask(`${path}/text`).then((each) => each.json()).catch(() => null);
  if (now && isSaved()) take(now);
  say("Saved");
});

function lead(number) {
  const line = view.state.doc.line(Math.min(Math.max(number, 1), view.state.doc.lines));
  if (!visible(view.state, line.from)) {
    const input = inputOf(line);
    if (input) return void input.focus();
    chooseMode(true);
  }
  view.dispatch({ selection: { anchor: line.from }, effects: EditorView.scrollIntoView(line.from, { y: "center" }) });
  view.focus();
}

// The input for a line that is shown as a field; null if there is none.
function inputOf(line) {
  const article = offsetsIn(view.state).articles.find(({ title, end }) => line.from > title && line.from <= end);
  if (article) {
    const key = /^\s*(\w+)/.exec(line.text)?.[1];
    const form = host.querySelector(`fieldset[data-number="${article.number}"]`), input = form?.querySelector(`[data-key="${key}"] input`);
    if (input?.closest("details")) input.closest("details").open = true;
    return input ?? form?.querySelector("input");
  }
  let at = line.number, key = null;
  while (at > 1 && !(key = /^(\w+):/.exec(view.state.doc.line(at).text)?.[1])) at--;
  const part = /^\s+(?:- +)?(\w+):/.exec(line.text)?.[1];
  const box = key && fields.querySelector(`[data-field="${key}"]`);
  if (!box) return null;
  for (let each = box; each && each !== fields; each = each.parentElement) if (each.tagName === "DETAILS") each.open = true;
  return (part && box.querySelector(`[name="f.${key}.${part}"]:not([type=hidden])`)) ?? box.querySelector("input:not([type=hidden]), textarea, select");
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
  layout = told.layout;
  head(told.title);
  torn = false;
  clash.hidden = true;
  view.dispatch({ changes: difference(text(), told.text), effects: setLayout.of(isSource() ? null : offsetsOf(saved, layout)), filter: false });
  fill(told, "");
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
  if (!isSaved()) return apart(told);
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
  const at = caret < top || !visible(view.state, caret) ? typed.length : view.state.doc.lineAt(caret).to;
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

// What the menu “Insert” has, and “/” at the beginning of a line.
const pieces = [
  ["article", "Article", () => (isSource() ? insertPiece("article") : save(true, "add"))],
  ["subheading", "Subheading", () => prefix(prefixes.subheading)],
  ["list", "List", () => prefix(prefixes.list)],
  ["quote", "Quote", () => prefix(prefixes.quote)],
  ["picture", "Picture", () => askForPicture()],
  ["link", "Link to an earlier dispatch", () => insertInline(marks.link)],
  ["field", "A reader’s field", () => insertInline(marks.field)],
  ["if", "Text for some readers only", () => insertPiece("if")],
];
function insertPiece(name) {
  const [, , piece] = templates.find(([each]) => each === name);
  insert(ofReaders(piece).replaceAll(/\$\{([^}]*)\}/g, "$1"));
}
for (const button of document.querySelectorAll("button[data-piece]")) {
  button.addEventListener("click", () => pieces.find(([name]) => name === button.dataset.piece)[2]());
}
for (const button of document.querySelectorAll("button[data-line]")) button.addEventListener("click", () => prefix(prefixes[button.dataset.line]));
for (const button of document.querySelectorAll("button[data-inline]")) {
  button.addEventListener("click", () => { const name = button.dataset.inline; wraps[name] ? wrap(wraps[name]) : insertInline(marks[name]); });
}
document.querySelector("button[data-search]").addEventListener("click", () => { openSearchPanel(view); });

// Pictures in the text are asked for in a dialog, also one that is dropped or pasted.
const picture = document.querySelector("#picture");
const photos = picture.querySelector("form");
function askForPicture(file = null) {
  photos.reset();
  photos.querySelector(".told").textContent = "";
  if (file) photos.elements.photo.files = held(file);
  picture.showModal();
  if (file) photos.elements.alt.focus();
}
function held(file) {
  const holder = new DataTransfer();
  holder.items.add(file);
  return holder.files;
}
function imageOf(data) { return [...(data?.files ?? [])].find((each) => each.type.startsWith("image/")); }
function offerPicture(event, data) {
  const file = imageOf(data);
  if (!file) return false;
  event.preventDefault();
  askForPicture(file);
  return true;
}
picture.querySelector("[data-close]").addEventListener("click", () => picture.close());
photos.addEventListener("submit", async (event) => {
  event.preventDefault();
  const told = photos.querySelector(".told");
  told.textContent = "Uploading …";
  try {
    const answer = await ask(photos.getAttribute("action"), { method: "POST", body: new FormData(photos) });
    const kept = await answer.json();
    if (!answer.ok) return void (told.textContent = kept.message ?? "The upload failed. Try again.");
    picture.close();
    insert(kept.markdown);
  } catch {
    told.textContent = "No connection to the desk. Try again in a moment.";
  }
});

// The photo above the note: dropped or pasted, its file is that of the input, and saved with the other fields.
for (const [kind, get] of [["drop", (event) => event.dataTransfer], ["paste", (event) => event.clipboardData]]) {
  fields.addEventListener(kind, (event) => {
    const file = imageOf(get(event)), input = form.querySelector("input[name=photo_file]");
    if (!file || !input) return;
    event.preventDefault();
    input.closest("details").open = true;
    input.files = held(file);
    save(true);
  });
}
fields.addEventListener("dragover", (event) => { if (event.dataTransfer.types.includes("Files")) event.preventDefault(); });

// Fields are saved like the text.
form.addEventListener("input", (event) => { if (event.target.name && !torn) later(); });
form.addEventListener("change", (event) => { if (event.target.name === "photo_file") save(true); });
form.addEventListener("toggle", () => view.requestMeasure(), true);
form.addEventListener("click", (event) => {
  const another = event.target.closest("[data-another]");
  if (!another) return;
  const row = another.previousElementSibling.cloneNode(true);
  for (const each of row.querySelectorAll("input, select")) each.value = "";
  another.before(row);
  row.querySelector("input").focus();
});

// An article is dragged by its handle onto another one.
let dragged = null;
host.addEventListener("dragstart", (event) => {
  if (!event.target.classList?.contains("handle")) return;
  dragged = event.target.closest("fieldset");
  event.dataTransfer.setData("text/x-article", dragged.dataset.number);
  event.dataTransfer.effectAllowed = "move";
});
host.addEventListener("dragover", (event) => {
  const over = dragged && event.target.closest?.("fieldset.article");
  for (const each of host.children) each.classList.toggle("over", each === over && each !== dragged);
  if (over) event.preventDefault();
});
host.addEventListener("drop", (event) => {
  const over = dragged && event.target.closest?.("fieldset.article");
  if (!over || over === dragged) return;
  event.preventDefault();
  save(true, `move:${dragged.dataset.number}:${over.dataset.number}`);
});
host.addEventListener("dragend", () => {
  dragged = null;
  for (const each of host.children) each.classList.remove("over");
});

// Fields, or the source of all: nothing typed is lost, for both are the same text.
const switcher = document.querySelector("#source");
function isSource() { return switcher.getAttribute("aria-pressed") === "true" || !layout.has_fields; }
function chooseMode(source) {
  switcher.setAttribute("aria-pressed", String(source));
  try { localStorage.setItem("mailer-source", source ? "1" : ""); } catch { /* not remembered */ }
  if (isSaved()) arrange();
  else save(true).then(arrange);
}
function arrange() {
  host.classList.toggle("fields", !isSource());
  form.classList.toggle("as-source", switcher.getAttribute("aria-pressed") === "true");
  if (view.state.doc.toString() === saved) view.dispatch({ effects: setLayout.of(isSource() ? null : offsetsOf(saved, layout)) });
  if (!visible(view.state, view.state.selection.main.head)) view.dispatch({ selection: { anchor: Math.min(offsetsIn(view.state).top + 1, view.state.doc.length) } });
}
switcher.addEventListener("click", () => chooseMode(switcher.getAttribute("aria-pressed") !== "true"));

// On a phone, text and preview take turns.
const tabs = document.querySelector("#tabs");
tabs.hidden = false;
tabs.addEventListener("click", (event) => {
  const chosenTab = event.target.closest("button");
  if (!chosenTab) return;
  for (const each of tabs.children) each.setAttribute("aria-pressed", String(each === chosenTab));
  document.querySelector(".columns.desk").dataset.show = chosenTab.dataset.show;
});

form.addEventListener("submit", (event) => { event.preventDefault(); save(true, event.submitter?.name === "do" ? event.submitter.value : ""); });
window.addEventListener("beforeunload", (event) => { if (!isSaved()) event.preventDefault(); });
form.querySelector("label[for=text]").addEventListener("click", () => view.focus());
measure.hidden = false;
document.querySelector("#toolbar").hidden = false;
switcher.hidden = false;
let prefersSource = false;
try { prefersSource = localStorage.getItem("mailer-source") === "1"; } catch { /* not remembered */ }
switcher.setAttribute("aria-pressed", String(prefersSource));
adopt();
sent = inputs();
arrange();
show();
proof();
const wanted = /^#line-(\d+)$/.exec(window.location.hash); // from a finding on another page
if (wanted) lead(Number(wanted[1]));
