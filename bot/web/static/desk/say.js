// What the desk says: a toast for eyes, two regions for ears.

const STATUS_EVERY = 10_000
const TOAST_FOR = 10_000

const at = id => document.getElementById(id)
let statusAt = -STATUS_EVERY
let statusTimer = 0
let toastTimer = 0
let undoing = null
let acting = null

/** Say something politely; of what comes faster than every ten seconds only the last is said. */
export function status(text) {
  clearTimeout(statusTimer)
  const say = () => { statusAt = performance.now(); at("status").textContent = text }
  const wait = statusAt + STATUS_EVERY - performance.now()
  if (wait <= 0) say()
  else statusTimer = setTimeout(say, wait)
}

/** Interrupt: a reply was stopped, a delivery failed, somebody is signed out. */
export function alert(text) {
  const region = at("alert")
  region.textContent = ""
  setTimeout(() => { region.textContent = text }, 50) // the same words again are said again
}

/**
 * Show words for ten seconds, longer while a hand or the focus is on them. With `undo` a button (and the key z) calls
 * it; with `act`, `[words, function]`, a button of another name does.
 */
export function toast(text, { undo = null, act = null } = {}) {
  const box = at("toast")
  at("toast-words").textContent = text
  undoing = undo
  acting = undo ?? act?.[1] ?? null
  at("toast-undo").textContent = undo ? "Undo" : act?.[0] ?? ""
  at("toast-undo").hidden = !acting
  box.hidden = false
  status(text)
  later()
}

/** Take back what the toast offers to take back; false if it offers nothing. */
export function undo() {
  if (!undoing) return false
  done()
  return true
}

function done() {
  const act = acting
  hide()
  act?.()
}

function later() {
  clearTimeout(toastTimer)
  toastTimer = setTimeout(() => (at("toast").matches(":hover, :focus-within") ? later() : hide()), TOAST_FOR)
}

function hide() {
  undoing = acting = null
  at("toast").hidden = true
}

at("toast-undo")?.addEventListener("click", done)

/** As a sentence begins. */
export const upper = words => words.charAt(0).toUpperCase() + words.slice(1)
