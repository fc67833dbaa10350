// What is being written, kept at the desk for every machine of its writer, and in this browser while the desk is away.
// A reply and a note are two drafts. Of two machines the one that writes last wins; the other's words are offered.

import { call, newKey } from "./api.js"
import { on } from "./live.js"

const AFTER = 1000 // ms after the last key
const number = document.getElementById("main").dataset.case
const me = document.body.dataset.agent
const PAGE = newKey().slice(0, 16)
const store = `warmline.draft.${me}.${number}`
const line = document.getElementById("other")

/** What the desk has, as far as this page knows, by mode. */
const server = {}
/** The words that were last sent from here, by mode. */
const sent = {}
const timers = {}
const running = {}
let fields = {}
let told = () => {}
let grown = () => {}

// --- in this browser ---------------------------------------------------------------------------

export const kept = name => { try { return JSON.parse(localStorage.getItem(`${store}.${name}`)) } catch { return null } }

export function keep(name, value) {
  try {
    if (value === null) localStorage.removeItem(`${store}.${name}`)
    else localStorage.setItem(`${store}.${name}`, JSON.stringify(value))
  } catch { /* for this page only */ }
}

/** Words that the desk does not have yet. */
const dirty = mode => fields[mode].value !== server[mode].text

function note(mode) {
  const text = fields[mode].value
  const old = kept(mode)
  if (text === (old?.text ?? "")) return
  keep(mode, text ? { ...old, text, on: server[mode].version } : null)
}

// --- at the desk -------------------------------------------------------------------------------

/** Keep what stands in the field now, here at once and at the desk soon. */
export function save(mode, { soon = true } = {}) {
  note(mode)
  clearTimeout(timers[mode])
  timers[mode] = setTimeout(() => push(mode), soon ? AFTER : 0)
}

async function push(mode) {
  clearTimeout(timers[mode])
  while (running[mode]) await running[mode]
  if (!dirty(mode) || document.body.classList.contains("stale")) return
  running[mode] = put(mode)
  await running[mode]
  running[mode] = null
}

async function put(mode) {
  const text = fields[mode].value
  const answer = await call("PUT", `cases/${number}/draft`, body(mode, text))
  if (!answer.ok) { told(mode, "Kept in this browser"); return }
  server[mode] = { text, version: answer.data.version }
  const old = kept(mode)
  if (old?.text === text) keep(mode, { ...old, on: answer.data.version, safe: true })
  if (answer.data.replaced) offer(mode, answer.data.replaced.text)
  told(mode, text ? "Draft saved" : "")
}

const body = (mode, text) => ({ mode, text, version: server[mode].version, page: PAGE })

/** The desk has these words, and this is their number. */
export function known(mode, text, version) { server[mode] = { text, version } }

/** These words have left. A page that went before it knew may have posted them as a draft: that is none any more. */
export function left(mode, text) { sent[mode] = text }

/** Wait for what is on its way: what is sent afterwards must not be overtaken by its own draft. */
export async function settle(mode) {
  clearTimeout(timers[mode])
  while (running[mode]) await running[mode]
}

/** The page goes: what the desk does not have yet is posted on the way out. */
function leaving() {
  for (const mode of Object.keys(fields)) {
    note(mode)
    if (!dirty(mode) || running[mode]) continue
    fetch(`/api/v1/cases/${number}/draft`, {
      method: "PUT", keepalive: true, credentials: "same-origin", headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body(mode, fields[mode].value)),
    }).catch(() => {})
  }
}

// --- another machine ---------------------------------------------------------------------------

/** The desk says how far the drafts are; whatever is newer there is fetched. `back(text, notice)`: a reply came back. */
export async function look(versions, back) {
  for (const mode of Object.keys(fields)) {
    while (running[mode]) await running[mode]
    if (Number(versions[mode]) <= server[mode].version) continue
    const answer = await call("GET", `cases/${number}/draft`)
    if (!answer.ok) return
    while (running[mode]) await running[mode]
    const found = answer.data[mode]
    const text = found?.text ?? ""
    const version = Math.max(found?.version ?? 0, Number(versions[mode]))
    if (version <= server[mode].version) continue // what was written here meanwhile is newer than this answer
    const mine = dirty(mode) ? fields[mode].value : ""
    server[mode] = { text, version }
    if (fields[mode].value === text) continue
    if (text && text === sent[mode] && !found.notice) { save(mode, { soon: false }); continue }
    if (mine && text) offer(mode, text)
    else if (!mine && !(document.activeElement === fields[mode] && fields[mode].value && !found?.notice)) write(mode, text)
    else if (text) offer(mode, text)
    if (found?.notice) back(found.notice)
  }
}

function write(mode, text) {
  fields[mode].value = text
  keep(mode, text ? { text, on: server[mode].version, safe: true } : null)
  grown(fields[mode])
}

/** Other words of the same writer, from another machine: theirs to choose, and not lost until they have. */
function offer(mode, text) {
  if (!text.trim()) return
  keep("other", { mode, text })
  shown()
}

function shown() {
  const other = kept("other")
  line.hidden = !other
  if (!other) return
  const words = document.createElement("span")
  words.textContent = `On another machine you wrote for ${other.mode === "note" ? "the note" : "the reply"}: `
  const quote = document.createElement("q")
  quote.dir = "auto"
  quote.textContent = other.text.length > 120 ? `${other.text.slice(0, 120)}…` : other.text
  line.replaceChildren(words, quote, " ", button("Use that", () => {
    const mine = fields[other.mode].value
    write(other.mode, other.text)
    keep("other", mine ? { mode: other.mode, text: mine } : null)
    shown()
    save(other.mode, { soon: false })
    fields[other.mode].focus()
  }), " ", button("Drop it", () => { keep("other", null); shown() }))
}

function button(words, act) {
  const made = document.createElement("button")
  made.type = "button"
  made.className = "link"
  made.textContent = words
  made.addEventListener("click", act)
  return made
}

// --- start -------------------------------------------------------------------------------------

/**
 * Fill the fields: the desk's words, unless this browser has some that never got there. `onSaved(mode, words)` says how
 * a draft stands, `onWrite(field)` that a field has other words. Returns why a reply is a draft again, or "".
 */
export function start(those, { onSaved, onWrite }) {
  fields = those
  told = onSaved
  grown = onWrite
  for (const [mode, field] of Object.entries(fields)) {
    const found = document.getElementById(`draft-${mode}`)?.dataset
    const known = Number(document.getElementById("writing").dataset[mode])
    server[mode] = { text: found?.text ?? "", version: known }
    const here = kept(mode)
    const own = here?.text && !here.safe && here.text !== server[mode].text
    field.value = own ? here.text : server[mode].text
    if (own && server[mode].text && (here.on ?? 0) !== known) offer(mode, server[mode].text)
    if (own) save(mode)
    else if (here && !here.act) keep(mode, field.value ? { text: field.value, on: known, safe: true } : null)
  }
  for (const kind of ["pagehide", "desk:leaving"]) addEventListener(kind, leaving)
  on("link", state => { if (state === "live") for (const mode of Object.keys(fields)) push(mode) })
  shown()
  return document.getElementById("draft-reply")?.dataset.notice ?? ""
}

/** Is this about a draft of mine, written on another page? */
export const elsewhere = signal => signal.kind === "draft" && signal.case === number && String(signal.agent) === me && signal.page !== PAGE
