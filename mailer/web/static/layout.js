// Shows parts of the text of a dispatch as fields: the front matter above the text, the lines under an article's title in a form
// in their place. The text keeps these lines; they are hidden and protected. The server says where they are (layout), and what a
// form contains; between two answers the places follow what is typed.
//
//   offsetsOf(text, layout)      the places in `text`, or null to show everything
//   setLayout.of(offsets)        the effect that shows these
//   layoutExtension              the extension of the editor
import { Decoration, EditorState, EditorView, StateEffect, StateField, WidgetType, keymap } from "./vendor/codemirror.js";

export const setLayout = StateEffect.define();

class ArticleForm extends WidgetType {
  constructor(number) { super(); this.number = number; }
  eq(other) { return other.number === this.number; }
  get estimatedHeight() { return 190; }
  ignoreEvent() { return true; }
  toDOM() { // the form itself is outside of the editor, with the page's styles and in the page's form
    const place = document.createElement("div"), slot = document.createElement("slot");
    place.className = "article-place";
    slot.name = `article-${this.number}`;
    place.append(slot);
    return place;
  }
}

export function offsetsOf(text, layout) {
  if (!layout) return null;
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  const end = (line) => (line < starts.length ? starts[line] - 1 : text.length);
  const top = layout.has_fields ? /^---[ \t]*\n(?:[^]*?\n)?---[ \t]*(?:\n[ \t]*(?=\n)|(?=\n|$))/.exec(text)?.[0].length ?? 0 : 0;
  return { top, articles: layout.articles.map(({ line, last, number }) => ({ number, start: starts[line - 1], title: end(line), end: end(last) })) };
}

export function mapOffsets(offsets, changes) {
  if (!offsets || changes.empty) return offsets;
  return {
    top: offsets.top && changes.mapPos(offsets.top, -1),
    articles: offsets.articles.map((each) => ({
      number: each.number, start: changes.mapPos(each.start, 1), title: changes.mapPos(each.title, each.title === each.end ? -1 : 1), end: changes.mapPos(each.end, -1),
    })).filter((each) => each.start < each.title && each.title <= each.end),
  };
}

const heading = Decoration.line({ class: "headline" });
const hidden = Decoration.replace({});
const marks = /^##[ \t]+/;

function decorate(offsets, doc) {
  if (!offsets) return Decoration.none;
  const found = [];
  if (offsets.top) found.push(Decoration.replace({ block: true }).range(0, doc.lineAt(Math.min(offsets.top, doc.length)).to));
  for (const { number, start, title, end } of offsets.articles) {
    const first = doc.lineAt(start), last = doc.lineAt(Math.min(end, doc.length));
    found.push(heading.range(first.from));
    const prefix = marks.exec(first.text);
    if (prefix) found.push(hidden.range(first.from, first.from + prefix[0].length));
    const widget = new ArticleForm(number);
    if (last.number > first.number) found.push(Decoration.replace({ block: true, widget }).range(doc.line(first.number + 1).from, last.to));
    else found.push(Decoration.widget({ block: true, side: 1, widget }).range(first.to));
  }
  return Decoration.set(found, true);
}

const layoutField = StateField.define({
  create: () => ({ offsets: null, shown: Decoration.none }),
  update(value, transaction) {
    const effect = transaction.effects.findLast((each) => each.is(setLayout));
    if (!effect && !transaction.docChanged) return value;
    const offsets = effect ? effect.value : mapOffsets(value.offsets, transaction.changes);
    return { offsets, shown: decorate(offsets, transaction.newDoc) };
  },
  provide: (field) => EditorView.decorations.from(field, (value) => value.shown),
});

// What is hidden can be changed by its form only. An article that is deleted as a whole takes its lines with it.
const protect = EditorState.changeFilter.of((transaction) => {
  const { offsets } = transaction.startState.field(layoutField);
  if (!offsets || !transaction.docChanged) return true;
  const doc = transaction.startState.doc, gone = [], ranges = [];
  transaction.changes.iterChangedRanges((from, to) => { gone.push([from, to]); });
  const add = (from, to) => { ranges.push(Math.max(from, ranges.at(-1) ?? 0), Math.max(to, ranges.at(-1) ?? 0)); };
  if (offsets.top) add(0, Math.min(offsets.top + 1, doc.length));
  for (const { start, title, end } of offsets.articles) {
    if (gone.some(([from, to]) => from <= start && to >= end)) continue;
    add(Math.max(start - 1, 0), start + lengthOfMarks(doc, start)); // with the line end before it: a title begins its line
    if (end > title) add(title, end);
  }
  return ranges;
});

function lengthOfMarks(doc, start) { return marks.exec(doc.lineAt(start).text)?.[0].length ?? 0; }

// The caret stands after the marks of a title, or at the end of the line before it.
const afterMarks = EditorState.transactionFilter.of((transaction) => {
  const { offsets } = transaction.startState.field(layoutField);
  if (!offsets || transaction.docChanged || !transaction.selection?.main.empty) return transaction;
  const { head } = transaction.selection.main, doc = transaction.startState.doc;
  for (const { start } of offsets.articles) {
    const first = start + lengthOfMarks(doc, start);
    if (head < start || head >= first) continue;
    const isLeaving = transaction.startState.selection.main.head === first && start > 0;
    return [transaction, { selection: { anchor: isLeaving ? start - 1 : first } }];
  }
  return transaction;
});

// Enter in the title of an article goes to its text.
function toText(view) {
  const { offsets } = view.state.field(layoutField), { head } = view.state.selection.main, doc = view.state.doc;
  const article = offsets?.articles.find(({ start, title }) => start <= head && head <= title);
  if (!article) return false;
  const last = doc.lineAt(article.end);
  const next = last.number + 1 < doc.lines ? doc.line(last.number + 2) : null;
  if (next && !doc.line(last.number + 1).length && next.from !== offsets.articles.find((each) => each.start >= next.from)?.start) {
    view.dispatch({ selection: { anchor: next.from }, scrollIntoView: true });
  } else {
    view.dispatch({ changes: { from: last.to, insert: "\n\n" }, selection: { anchor: last.to + 2 }, filter: false, userEvent: "input", scrollIntoView: true });
  }
  return true;
}

// Where a caret may stand: not within what is hidden.
export function visible(state, at) {
  const { offsets } = state.field(layoutField);
  if (!offsets) return true;
  return !(offsets.top && at <= offsets.top) && !offsets.articles.some(({ title, end }) => at > title && at <= end);
}

export function offsetsIn(state) { return state.field(layoutField).offsets; }

export const layoutExtension = [
  layoutField, protect, afterMarks, keymap.of([{ key: "Enter", run: toText }]),
  EditorView.atomicRanges.of((view) => view.state.field(layoutField).shown),
];
