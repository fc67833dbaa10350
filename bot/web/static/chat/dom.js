/* Elements, icons and text. Words go in as text nodes; nothing is ever parsed as HTML. */

/** An element: properties that begin with "on" are listeners, `class`, `data-*`, `aria-*` and the like attributes. */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && !name.startsWith("aria") && name !== "list") element[name] = value;
    else element.setAttribute(name === "class" ? "class" : name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const SHAPES = {
  close: "M4 4l8 8M12 4l-8 8",
  send: "M8 13V3.500M3.8 7.500 8 3.300l4.2 4.200",
  clip: "M13 7.200 7.600 12.600a3 3 0 0 1-4.300-4.300l5.700-5.700a2 2 0 0 1 2.900 2.900l-5.600 5.600a1 1 0 0 1-1.400-1.400l4.900-4.900",
  person: "M8 7.800a2.800 2.800 0 1 0 0-5.600 2.800 2.800 0 0 0 0 5.600zM2.600 14c.5-3 2.600-4.600 5.400-4.600s4.900 1.600 5.400 4.600",
  check: "M3 8.500l3.200 3.200L13 4.800",
  clock: "M8 14.200A6.200 6.200 0 1 0 8 1.800a6.200 6.200 0 0 0 0 12.400zM8 4.500V8l2.400 1.600",
  warn: "M8 2 14.500 13.500h-13zM8 6.500v3.200M8 11.600v.1",
  file: "M4 1.800h5l3 3v9.400H4zM9 1.800v3h3",
  down: "M8 3v9.500M4 8.500l4 4 4-4",
  again: "M13 8a5 5 0 1 1-1.500-3.600M13 2v3h-3",
  bot: "M3 6h10v7H3zM8 6V3M6 9.200v.2M10 9.200v.2",
  mail: "M1.800 3.500h12.400v9H1.800zM2.300 4.300 8 9l5.700-4.700",
};

export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", SHAPES[name]);
  svg.append(path);
  return svg;
}

/** What stands on its own in a text: the address of a page, and the number of a case, which never breaks in two. */
const LINK = /\bW-\d+\b|https?:\/\/[^\s<>"'`{}|\\^]+/g;

/** Only addresses of the web are links; where one leads is what is shown. */
function link(href, text) {
  let url;
  try { url = new URL(href); } catch { return document.createTextNode(text ?? href); }
  if (!/^(https?|mailto):$/.test(url.protocol) || url.username || url.password) return document.createTextNode(text ?? href);
  return h("a", { href: url.href, target: "_blank", rel: "noopener noreferrer nofollow" }, h("bdi", {}, text ?? href));
}

/** Plain words with their links. Brackets and full stops at the end of a link belong to the sentence. */
export function linked(text) {
  const parts = [];
  let at = 0;
  for (const match of text.matchAll(LINK)) {
    let found = match[0];
    while (/[.,;:!?…)\]]$/.test(found)) {
      if (found.endsWith(")") && found.split("(").length >= found.split(")").length) break;
      found = found.slice(0, -1);
    }
    parts.push(text.slice(at, match.index), /^h/i.test(found) ? link(found) : h("span", { class: "no" }, found));
    at = match.index + found.length;
  }
  parts.push(text.slice(at));
  return parts.filter((part) => part !== "");
}

/** Plain text as paragraphs. */
export function plain(text) {
  return text.split(/\n{2,}/).filter((part) => part.trim()).map((part) => h("p", { dir: "auto" }, ...linked(part)));
}

const TAGS = { paragraph: "p", heading: "h4", quote: "blockquote", code: "pre" };

/** The server's blocks of spans as elements. */
export function rich(blocks) {
  const found = [];
  let list = null;
  for (const block of blocks) {
    const wanted = { bullet: "UL", number: "OL" }[block.kind];
    if (!wanted) list = null;
    else if (list?.tagName !== wanted) found.push((list = h(wanted, wanted === "OL" && block.number > 1 ? { start: block.number } : {})));
    const inner = block.spans.map(span);
    if (list) list.append(h("li", { dir: "auto" }, ...inner));
    else found.push(h(TAGS[block.kind] || "p", { dir: "auto" }, ...inner));
  }
  return found;
}

function span({ text, href, bold, italic, code }) {
  let node = href ? link(href, text) : document.createTextNode(text);
  for (const [holds, tag] of [[code, "code"], [bold, "strong"], [italic, "em"]]) if (holds) node = h(tag, {}, node);
  return node;
}
