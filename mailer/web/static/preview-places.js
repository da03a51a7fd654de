// Which block of the preview a line of the text became, and back. They are compared by their words: the message has no
// marks of its source. Where the same words stand twice, the block at the nearest place of the page is taken.

const BLOCKS = "h1, h2, h3, h4, p, li, td, th, blockquote, figcaption, div, img";
const SHORTEST = 3; // letters that are enough to recognise a line
const LONGEST = 60; // letters that are compared

const letters = (text) => text.toLocaleLowerCase().replace(/[^\p{L}\p{N}]+/gu, "");

// The blocks of the message that contain no other block, each with its words.
function blocksOf(page) {
  return [...page.body.querySelectorAll(BLOCKS)]
    .filter((each) => !each.querySelector(BLOCKS))
    .map((element) => ({ element, words: letters(element.alt ?? element.textContent) }))
    .filter((each) => each.words.length >= SHORTEST);
}

// The longest part of a line that stands in the message as it is: no key, no merge field, no address.
function wordsOf(line) {
  const parts = line.replace(/^\s*[a-z_]+:\s/, "").split(/\{\{.*?\}\}|\{%.*?%\}|\]\([^)]*\)|\[\[|\]\]|https?:\S+/);
  return parts.map(letters).reduce((best, each) => (each.length > best.length ? each : best), "");
}

const isSame = (line, block) => block.includes(line.slice(0, LONGEST)) || (block.length > 5 * SHORTEST && line.includes(block.slice(0, LONGEST)));

function nearest(found, ratio, count) {
  return found.reduce((best, each) => (best === null || Math.abs(each / count - ratio) < Math.abs(best / count - ratio) ? each : best), null);
}

// Returns the element that line `number` of `lines` became; null if it became none.
export function elementOf(page, lines, number) {
  const words = wordsOf(lines[number - 1] ?? "");
  if (words.length < SHORTEST) return null;
  const blocks = blocksOf(page);
  const found = blocks.flatMap((each, index) => (isSame(words, each.words) ? [index] : []));
  const isHeading = lines[number - 1].startsWith("#"); // it also stands in the contents, before its article
  const index = isHeading ? found.at(-1) : nearest(found, number / lines.length, blocks.length);
  return blocks[index ?? -1]?.element ?? null;
}

// Returns the number of the line that `target`, an element of the message, is from; 0 if there is none.
export function lineOf(page, lines, target) {
  const blocks = blocksOf(page);
  const index = blocks.findIndex((each) => each.element.contains(target));
  if (index < 0) return 0;
  const found = lines.flatMap((line, at) => {
    const words = wordsOf(line);
    return words.length >= SHORTEST && isSame(words, blocks[index].words) ? [at] : [];
  });
  const at = nearest(found, index / blocks.length, lines.length);
  return at === null ? 0 : at + 1;
}
