// The conversation: what is new comes in below, what is older above, and nothing moves under a reader's eyes.

import { part } from "./api.js"
import { morph } from "./morph.js"

const NEAR = 48 // pixels from the bottom that still count as there
const SEEN_AFTER = 1200 // ms in view: what came in the moment before a reply leaves has not been read
const QUIET_FOR = 400

const log = document.getElementById("log")
const newer = document.getElementById("newer")
const unread = new Set()
const timers = new Map()
let seen = 0
let quietTimer = 0

const messages = () => log.querySelectorAll("article[data-seq]")
const seqOf = node => Number(node.dataset.seq)

/** The number of the last message that has been before somebody's eyes: what a reply says it has read. */
export const lastSeen = () => seen

/** These have been read: shown in a notice, say. */
export function markSeen(seq) { seen = Math.max(seen, seq) }

/** After which message to ask for news: before the first whose state may still change. */
export function askAfter() {
  const open = log.querySelector("article[data-open][data-seq]")
  const last = [...messages()].at(-1)
  const newest = last ? seqOf(last) : 0
  return open ? Math.min(seqOf(open) - 1, newest) : newest
}

export const newest = () => { const last = [...messages()].at(-1); return last ? seqOf(last) : 0 }

const atBottom = () => log.scrollHeight - log.scrollTop - log.clientHeight < NEAR

export function toBottom() {
  log.scrollTop = log.scrollHeight
  unread.clear()
  show()
}

/** Take in what the server says of the newest part. Returns the messages of others that are new. */
export function take(fragment) {
  const follow = atBottom()
  const fresh = []
  const told = new Set([...fragment.children].map(item => item.id))
  let previous = null
  for (const item of [...fragment.children]) {
    const known = item.id ? document.getElementById(item.id) : null
    if (known && log.contains(known)) {
      if (!item.matches(".day, .older")) {
        quietly(() => morph(known, settled(item, known)))
        previous = known
      }
      continue
    }
    if (item.matches(".older")) continue
    const place = previous ? placeAfter(previous, told) : beforeKnown(item)
    const mine = "mine" in item.dataset || !item.matches("article.cust, article.note")
    if (mine) quietly(() => log.insertBefore(item, place))
    else log.insertBefore(item, place)
    watch(item)
    if (item.matches("article") && !mine) fresh.push(item)
    previous = item
  }
  if (follow) log.scrollTop = log.scrollHeight
  else for (const item of fresh) unread.add(item.id)
  show()
  return fresh
}

/** Behind an item, and behind the messages after it that the server left out because they are known and older. */
function placeAfter(previous, told) {
  let place = previous.nextSibling
  for (let next = previous.nextElementSibling; next && !told.has(next.id); next = next.nextElementSibling) {
    if (next.matches("article")) place = next.nextSibling
  }
  return place
}

/** Where an item that follows none we know belongs: before the next that we know, else at the end. */
function beforeKnown(item) {
  for (let next = item.nextElementSibling; next; next = next.nextElementSibling) {
    const known = next.id && !next.matches(".day") ? document.getElementById(next.id) : null
    if (known && log.contains(known)) return known
  }
  return null
}

/** What a person has unfolded stays so. */
function settled(item, known) {
  if (known.querySelector(".body.folded") === null && item.querySelector(".body.folded")) {
    item.querySelector(".body.folded").classList.remove("folded")
    const button = item.querySelector(".unfold")
    const shown = known.querySelector(".unfold")
    if (button && shown) button.textContent = shown.textContent
  }
  return item
}

/** Own words and states that change are not read out. */
function quietly(act) {
  log.setAttribute("aria-live", "off")
  act()
  clearTimeout(quietTimer)
  quietTimer = setTimeout(() => log.setAttribute("aria-live", "polite"), QUIET_FOR)
}

function show() {
  newer.hidden = unread.size === 0
  newer.textContent = `${unread.size} new message${unread.size === 1 ? "" : "s"} ↓`
}

// --- what has been seen ------------------------------------------------------------------------

const eye = new IntersectionObserver(entries => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting) { if (!timers.has(target)) timers.set(target, setTimeout(() => read(target), SEEN_AFTER)) }
    else { clearTimeout(timers.get(target)); timers.delete(target) }
  }
}, { root: log, threshold: 0.05 })

function read(target) {
  timers.delete(target)
  if (document.hidden) { document.addEventListener("visibilitychange", () => watch(target), { once: true }); return }
  eye.unobserve(target)
  if ("seq" in target.dataset) seen = Math.max(seen, seqOf(target)) // a reply answers only its own conversation
  if (unread.delete(target.id)) show()
}

function watch(item) { if (item.matches?.("article")) { eye.unobserve(item); eye.observe(item) } }

/** What the page came with was there when it was opened: it is what the person has before them. */
export function start() {
  log.scrollTop = log.scrollHeight
  seen = newest()
  new ResizeObserver(() => { if (stuck) log.scrollTop = log.scrollHeight }).observe(log)
}

let stuck = true // the log keeps its end in view while the field below it grows
log.addEventListener("scroll", () => {
  stuck = atBottom()
  if (stuck && unread.size) { unread.clear(); show() }
}, { passive: true })

// --- older ones --------------------------------------------------------------------------------

/** Bring in the messages before the first, and keep what is read where it is. */
export async function older(button, number, all = "") {
  button.setAttribute("aria-busy", "true")
  const found = await part(`/desk/cases/${number}/log?before=${button.dataset.before}${all}`)
  button.removeAttribute("aria-busy")
  if (!found) { button.textContent = "Not reached. Try again"; return }
  const anchor = log.querySelector("article, .ev:not(.older):not(.day), .handoff")
  const top = anchor?.getBoundingClientRect().top ?? 0
  const items = [...found.children]
  const holder = document.createDocumentFragment()
  for (const item of items) {
    const known = item.id && item.id !== "older" ? document.getElementById(item.id) : null
    if (known?.matches(".day")) known.remove()
    else if (known) continue
    holder.append(item)
  }
  const first = items.find(item => item.matches("article"))
  quietly(() => {
    document.getElementById("older")?.remove()
    log.prepend(holder)
  })
  if (anchor) log.scrollTop += anchor.getBoundingClientRect().top - top
  const next = log.querySelector("#older button")
  if (next) next.focus({ preventScroll: true })
  else if (first) { first.tabIndex = -1; first.focus({ preventScroll: true }) }
}

/** From where in time on the log has all that was said, for news of other conversations. */
export const floor = () => log.querySelector("#older button")?.dataset.before ?? ""

/** Begin anew with what the server says: more, or less, is shown than before. */
export function replace(fragment) {
  for (const timer of timers.values()) clearTimeout(timer)
  timers.clear()
  eye.disconnect()
  quietly(() => log.replaceChildren(...fragment.childNodes))
  toBottom()
  const last = newest()
  if (last > seen) for (const item of log.querySelectorAll("article")) if ("seq" in item.dataset && seqOf(item) > seen) watch(item)
}

/** Show all of a long message, or fold it again. */
export function unfold(button) {
  const body = document.getElementById(button.getAttribute("aria-controls"))
  const folded = body.classList.toggle("folded")
  button.setAttribute("aria-expanded", String(!folded))
  button.dataset.all ??= button.textContent
  button.textContent = folded ? button.dataset.all : "Show less"
}
