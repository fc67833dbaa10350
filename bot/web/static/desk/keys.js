// Letters as keys. They work outside of fields and dialogs, without Ctrl, Alt, Meta, repetition and half-composed text.

const FIRST_FOR = 1500
const OFF = "warmline.letters"

/** key -> {act, words, where} in the order in which pages have bound them */
const bound = new Map()
let first = null
let firstTimer = 0

/**
 * Bind letters: `bind({c: [claim, "Claim"], "g q": [go, "Go to the queue"]}, {where: "In a list"})`.
 * A value may also be the function alone; then the help says nothing of it. Without a function the help only tells
 * what the browser does by itself. `where` is the heading in the help.
 */
export function bind(keys, { where = "Anywhere" } = {}) {
  for (const [key, value] of Object.entries(keys)) {
    const [act, words] = Array.isArray(value) ? value : [value, ""]
    bound.set(key, { act, words, where })
  }
}

/** Whether letters are switched on. */
export const lettersOn = () => { try { return localStorage.getItem(OFF) === null } catch { return true } }

export function switchLetters(on) {
  try { on ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, "off") } catch { /* for this page only */ }
}

/** What is bound now, for the help: [{where, keys: [{key, words}]}] */
export function map() {
  const found = new Map()
  for (const [key, { words, where }] of bound) {
    if (!words) continue
    if (!found.has(where)) found.set(where, [])
    found.get(where).push({ key, words })
  }
  return [...found].map(([where, keys]) => ({ where, keys }))
}

/** Do what a key does, as if it had been pressed. */
export function run(key) {
  bound.get(key)?.act?.(new KeyboardEvent("keydown", { key }))
}

function elsewhere(event) {
  const at = event.target
  return event.defaultPrevented || event.ctrlKey || event.altKey || event.metaKey || event.repeat || event.isComposing
    || event.keyCode === 229 || document.querySelector("dialog[open]") !== null
    || (at instanceof Element && at.closest("input, textarea, select, [contenteditable]:not([contenteditable=false])"))
}

addEventListener("keydown", event => {
  if (elsewhere(event) || !lettersOn()) return
  const key = first ? `${first} ${event.key}` : event.key
  clearTimeout(firstTimer)
  first = null
  const found = bound.get(key)
  if (found?.act) {
    event.preventDefault()
    found.act(event)
  } else if ([...bound.keys()].some(other => other.startsWith(`${key} `))) {
    event.preventDefault()
    first = key
    firstTimer = setTimeout(() => { first = null }, FIRST_FOR)
  }
})
