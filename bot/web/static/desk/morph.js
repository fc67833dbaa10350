// Make a part of the page what the server says it is, without touching what a person has in hand: nodes stay, so focus,
// selection and scroll stay; what the page itself keeps (open menus, fields, tabs) is left alone.

/** Attributes that belong to the page, not to the server. */
const OURS = new Set(["aria-selected", "aria-expanded", "open", "tabindex", "rows", "aria-busy"])

/** Which of the panels behind tabs is shown: the page's too. */
const ours = (node, name) => OURS.has(name) || (name === "hidden" && node.getAttribute("role") === "tabpanel")

const same = (a, b) => a.nodeType === b.nodeType && a.nodeName === b.nodeName && (a.id ?? "") === (b.id ?? "")
const kept = node => node.nodeType === 1 && (node.hasAttribute("data-own") || (node.matches(".pop") && !node.hidden))

/** Change `old` into `fresh`, in place. */
export function morph(old, fresh) {
  if (kept(old)) return
  if (old.nodeType === 1) attributes(old, fresh)
  else if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue
  if (old.nodeName !== "TEXTAREA") children(old, fresh)
}

/** Change what is in `old` into what is in `fresh`. */
export function children(old, fresh) {
  let at = old.firstChild
  for (const wanted of [...fresh.childNodes]) {
    let found = at
    if (wanted.id) found = [...old.childNodes].find(node => node.id === wanted.id && same(node, wanted)) ?? null
    else if (found && !same(found, wanted)) found = null
    if (!found) {
      old.insertBefore(wanted, at)
      continue
    }
    if (found === at) at = at.nextSibling
    else if (found.contains(document.activeElement)) { while (at && at !== found) at = dropped(at); at = found.nextSibling }
    else old.insertBefore(found, at)
    morph(found, wanted)
  }
  while (at) at = dropped(at)
}

function dropped(node) {
  const next = node.nextSibling
  node.remove()
  return next
}

function attributes(old, fresh) {
  for (const { name, value } of fresh.attributes) {
    if (!ours(old, name) && old.getAttribute(name) !== value) old.setAttribute(name, value)
  }
  for (const { name } of [...old.attributes]) {
    if (!ours(old, name) && !fresh.hasAttribute(name)) old.removeAttribute(name)
  }
}
