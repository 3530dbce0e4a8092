// The parts of a page as elements. What joins the parts in `text` stands between them here as well, so that the text of
// the whole is that text; the style hides what a list or a frame says already.

/** Elements whose text is `text`, unless a part is unknown: then it is another. */
export function laidOut({ text, page }) {
  if (!Array.isArray(page)) return asText(text);
  const all = document.createDocumentFragment();
  // Where the next item goes, the next line, and the next mark.
  let list;
  let item;
  let row;
  const places = {
    title: (part) => all.append(made("h2", part.text)),
    who: (part) => {
      const before = all.lastElementChild;
      if (before?.className === "who") before.append(" · ", ...worded(part.text));
      else all.append("\n", made("p", part.text, "who"));
    },
    group: (part) => {
      list = made("ul", "", part.name);
      all.append("\n\n", made("h3", part.text), list);
    },
    item: (part) => {
      item = made("li", "");
      row = made("div", "", "row");
      row.append(hidden("\n- "), made("span", part.text, "what"));
      item.append(row);
      list.append(item);
    },
    mark: (part) => {
      const mark = made("span", "", `mark ${part.name}`);
      mark.append(hidden("["), ...worded(part.text), hidden("]"));
      row.append(" ", mark);
    },
    line: (part) => {
      row = made("div", part.text, "row line");
      item.append("\n  ", row);
    },
    note: (part) => all.append(all.lastElementChild?.className === "note" ? "\n" : "\n\n", made("p", part.text, "note")),
    details: (part) => {
      const details = made("details", "");
      list = made("ul", "");
      details.append(made("summary", part.text), list);
      all.append("\n\n", details);
    },
    detail: (part) => places.item(part),
  };
  try {
    for (const part of page) {
      // Rows are told apart by their elements: what has lines of its own has none.
      if (part.text.includes("\n")) return asText(text);
      places[part.part](part);
    }
  } catch {
    return asText(text);
  }
  return all;
}

/** The text as it is, each line in an element of its own. */
export function asText(text) {
  const all = made("div", "", "plain");
  const lines = text.split("\n");
  for (const [at, line] of lines.entries()) {
    const row = made("div", "", "row");
    // No line of ours begins with a bar: what stands behind one is foreign, and has no quotes.
    const [, before, foreign] = /^( *\| ?)(.*)$/s.exec(line) ?? [];
    row.append(...(before ? [before, isolated(foreign)] : worded(line)), at + 1 < lines.length ? "\n" : "");
    all.append(row);
  }
  return all;
}

function made(name, text, className = "") {
  const element = document.createElement(name);
  element.className = className;
  element.append(...worded(text));
  return element;
}

/** A foreign text, in quotes of either kind. Quotes within it are escaped. */
const QUOTED = /("(?:[^"\\\n]|\\[^\n])*"|`(?:[^`\\\n]|\\[^\n])*`)/;

/** Foreign texts stand in quotes, and what they hold cannot move what stands beside them. */
export function worded(text) {
  return text.split(QUOTED).map((piece, at) => (at % 2 === 0 ? piece : isolated(piece)));
}

function isolated(text) {
  const foreign = document.createElement("bdi");
  foreign.textContent = text;
  return foreign;
}

/** What is seen by other means: a mark's frame, a list's sign. */
function hidden(text) {
  const element = document.createElement("span");
  element.className = "joint";
  element.setAttribute("aria-hidden", "true");
  element.textContent = text;
  return element;
}

export const STYLE = `
:host {
  --line: color-mix(in srgb, currentColor 28%, transparent);
  --soft: color-mix(in srgb, currentColor 78%, transparent);
  --no: light-dark(#8a1c1c, #ff9d94);
  --ask: light-dark(#7a4300, #ffc069);
  --yes: light-dark(#17603a, #83d6a4);
  color-scheme: light dark;
  background: Canvas; color: CanvasText;
  border: 1px solid var(--line); border-radius: 12px; box-sizing: border-box;
  direction: ltr; display: block; font: 1rem/1.4 system-ui, "DejaVu Sans", sans-serif;
  max-width: 26rem; overflow-wrap: anywhere; padding: 1rem;
}
[hidden] { display: none !important }
h2 { font-size: 1.22rem; line-height: 1.25; margin: 0 0 .15rem }
.who { color: var(--soft); font-size: .92rem; margin: 0 }
h3 { color: var(--soft); font-size: .85rem; letter-spacing: .02em; margin: .9rem 0 .25rem }
ul { list-style: none; margin: 0; padding: 0 }
li { margin: .3rem 0; padding-inline-start: 1.7em; position: relative }
li::before { font-weight: 700; inset-inline-start: 0; position: absolute; text-indent: 0 }
.own li::before, .passes li::before { color: var(--yes); content: "✓" / "" }
.person li::before { color: var(--ask); content: "?" / "" }
.cannot li::before, .ended li::before { color: var(--no); content: "✕" / "" }
.what { font-weight: 600 }
.line { font-size: .95em }
/* A row that goes on stands behind a bar: no row of a foreign text begins where a line of ours does. */
h2, .who, .note, .row, [part=choice] {
  background: linear-gradient(currentColor, currentColor) 0 1.15lh / 2px calc(100% - 1.3lh) no-repeat;
  padding-inline-start: 1.2rem; text-indent: -1.2rem;
}
.mark {
  border: 1px solid currentColor; border-radius: 4px; color: var(--ask); display: inline-block;
  font-size: .8rem; margin-inline-end: .3em; padding: 0 .4em; text-indent: 0;
}
.financial, .irreversible, .wider, .new { color: var(--no) }
.joint { clip-path: inset(50%); height: 1px; overflow: hidden; position: absolute; white-space: pre; width: 1px }
.note { color: var(--soft); font-size: .88rem; margin: .6rem 0 0 }
.plain .row { white-space: pre-wrap }
bdi { unicode-bidi: isolate }
details { color: var(--soft); font-size: .85rem; margin-top: .6rem }
details li { padding: 0 }
fieldset { border: 1px solid var(--line); border-radius: 8px; margin: .9rem 0 0; padding: .4rem .8rem }
[part=choice] { margin: .3rem 0 }
[part=buttons] { display: flex; flex-wrap: wrap; gap: .5rem; margin-top: .9rem }
button {
  background: transparent; border: 1px solid currentColor; border-radius: 8px; color: inherit;
  flex: 1 1 0; font: inherit; font-weight: 600; min-height: 2.75rem; min-width: min-content; padding: .5em .7em;
}
:focus-visible { outline: 3px solid Highlight; outline-offset: 2px }
[part=status]:empty { display: none }
[part=status] { font-weight: 600; margin: .9rem 0 0 }
`;
