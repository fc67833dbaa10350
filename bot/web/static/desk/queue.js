// The queue, live. Times, owners, presence and counts change at once and in place. Rows come, go and change places only
// while nobody touches: the pointer is out of the list for three seconds, the focus is elsewhere, no menu is open.

import { call, newKey, part } from "./api.js"
import { tick } from "./clock.js"
import { bind } from "./keys.js"
import { on } from "./live.js"
import { status, toast } from "./say.js"

const UNTOUCHED = 3_000
const APART = 700
const APART_UNSEEN = 5_000 // nobody looks at this tab now
const JUST_CHANGED = 400
const READING_FOR = 45_000
const PAGE = 50

const at = id => document.getElementById(id)
const list = at("list")
const here = new URLSearchParams(location.search)
const me = Number(document.body.dataset.agent)

const rows = () => [...list.querySelectorAll(".row")]
const rowOf = number => list.querySelector(`.row[data-case="${CSS.escape(number)}"]`)
const link = row => row.querySelector(".go")
const focused = () => document.activeElement?.closest?.("#list .row") ?? null

// --- who touches -------------------------------------------------------------------------------

let inside = false
let leftAt = -1e9

list.addEventListener("pointerenter", () => { inside = true })
list.addEventListener("pointermove", () => { inside = true })
list.addEventListener("pointerleave", () => { inside = false; leftAt = performance.now(); setTimeout(release, UNTOUCHED + 10) })
list.addEventListener("pointerup", event => { if (event.pointerType !== "mouse") { inside = false; leftAt = performance.now() } })
list.addEventListener("focusout", () => setTimeout(release, 0))
document.addEventListener("toggle", () => setTimeout(release, 0), true)
document.addEventListener("visibilitychange", () => { setTimeout(release, 0); if (waits) refresh() })

function touched() {
  if (document.hidden) return false
  return inside || performance.now() - leftAt < UNTOUCHED || list.contains(document.activeElement)
    || document.querySelector("details.menu[open], dialog[open]") !== null
}

// --- bringing up to date -----------------------------------------------------------------------

let pending = null // rows as they are now, held while somebody touches
let asking = false
let again = false
let waits = false // for its turn
let askedAt = -1e9
let timer = 0

function refresh() {
  if (asking) { again = true; return }
  waits = true
  clearTimeout(timer)
  timer = setTimeout(look, Math.max(0, askedAt + (document.hidden ? APART_UNSEEN : APART) - performance.now()))
}

async function look() {
  asking = true
  again = waits = false
  askedAt = performance.now()
  const query = new URLSearchParams(here)
  const shown = rows().map(row => row.dataset.case)
  query.set("limit", Math.max(PAGE, shown.length))
  query.set("known", shown.map(number => number.slice(2)).join(","))
  const slow = setTimeout(() => list.setAttribute("aria-busy", "true"), 300)
  const found = await part(`/desk/queue/rows?${query}`)
  clearTimeout(slow)
  list.removeAttribute("aria-busy")
  asking = false
  if (found) take(found.getElementById("rows"))
  if (again) refresh()
}

function take(fresh) {
  count(fresh.dataset)
  const known = new Map(rows().map(row => [row.dataset.case, row]))
  const wanted = [...fresh.querySelectorAll(".row")]
  for (const row of wanted) {
    const old = known.get(row.dataset.case)
    if (old) renew(old, row)
  }
  for (const line of fresh.querySelectorAll("#left li")) {
    const row = known.get(line.dataset.case)
    if (row) leave(row, line.textContent, line.dataset.who)
  }
  const order = rows().map(row => row.dataset.case).join()
  if (order === wanted.map(row => row.dataset.case).join() && !changedGroups(fresh)) {
    headings(fresh)
    at("more").hidden = !fresh.dataset.next
    at("rows").dataset.next = fresh.dataset.next
    pending = null
    hold()
    return
  }
  pending = fresh
  touched() ? hold() : release()
}

function changedGroups(fresh) {
  const shape = root => [...root.querySelectorAll(".block")].map(block => `${block.dataset.group} ${block.querySelectorAll(".row").length}`).join()
  return shape(fresh) !== shape(list) || (fresh.querySelector(".empty") !== null) !== (list.querySelector(".empty") !== null)
}

function headings(fresh) {
  for (const block of fresh.querySelectorAll(".block")) {
    const old = list.querySelector(`[data-group="${block.dataset.group}"] .group`)
    const now = block.querySelector(".group")
    if (old && old.innerHTML !== now.innerHTML) old.innerHTML = now.innerHTML
  }
}

/** In place, and nothing that could move: the row keeps its element, its focus and its height. */
function renew(old, row) {
  if (old.classList.contains("gone")) {
    old.classList.remove("gone")
    old.querySelector(".act").replaceWith(row.querySelector(".act"))
  }
  for (const selector of [".due", ".tier", ".main", ".own"]) {
    const before = old.querySelector(selector)
    const now = row.querySelector(selector)
    if (!before || !now || before.outerHTML === now.outerHTML) continue
    if (selector === ".own" && before.dataset.reading) continue
    before.replaceWith(now.cloneNode(true))
    if (selector !== ".due" && old === focused()) changedAt = performance.now()
  }
  link(old).setAttribute("aria-label", link(row).getAttribute("aria-label"))
  showReading(old)
}

/** Somebody else has it now: grey, said so, and gone at the next refresh. */
function leave(row, words, who) {
  if (row === focused()) changedAt = performance.now()
  row.classList.add("gone")
  row.querySelector(".act").replaceChildren()
  own(row, words, who)
}

function own(row, words, who) {
  const cell = row.querySelector(".own")
  delete cell.dataset.reading
  cell.replaceChildren(...(who ? [avatar(who)] : []), Object.assign(document.createElement("span"), { textContent: words }))
}

function avatar(name) {
  const words = name.split(/\s+/).filter(Boolean)
  const letters = words.length > 1 ? words[0][0] + words.at(-1)[0] : name.slice(0, 2)
  const found = Object.assign(document.createElement("span"), { className: "av", textContent: letters.toUpperCase() })
  found.setAttribute("aria-hidden", "true")
  return found
}

// --- held back, and shown ----------------------------------------------------------------------

function hold() {
  const held = at("held")
  if (!pending) { held.hidden = true; return }
  const shown = new Set(rows().map(row => row.dataset.case))
  const now = [...pending.querySelectorAll(".row")]
  const fresh = now.filter(row => !shown.has(row.dataset.case))
  if (!fresh.length) {
    held.hidden = true // what only leaves or trades places is not worth a button; it goes when the hand goes
    return
  }
  const last = now.findLastIndex(row => shown.has(row.dataset.case))
  const sooner = fresh.filter(row => now.indexOf(row) < last).length
  const some = sooner || fresh.length
  at("held-words").textContent = `Show ${some} new one${some > 1 ? "s" : ""}${sooner ? " due sooner" : ""}`
  held.hidden = false
}

/** Show what was held, if nobody touches. */
function release() {
  if (pending && !touched()) apply(false)
  else if (pending) hold()
}

function apply(asked) {
  const fresh = pending
  pending = null
  const scrolled = list.scrollTop // read before the rows are moved: an empty list scrolls to its top
  const first = rows().find(row => row.getBoundingClientRect().bottom > list.getBoundingClientRect().top + 1)
  const offset = first?.getBoundingClientRect().top
  const old = new Map(rows().map(row => [row.dataset.case, row]))
  const active = document.activeElement
  let added = null
  for (const row of fresh.querySelectorAll(".row")) {
    const known = old.get(row.dataset.case)
    if (known) row.replaceWith(known)
    else { row.classList.add("new"); added ??= row }
  }
  fresh.querySelector("#left")?.remove()
  at("rows").replaceWith(fresh)
  at("more").hidden = !fresh.dataset.next
  list.scrollTop = scrolled
  if (first?.isConnected && scrolled > 4) list.scrollTop += first.getBoundingClientRect().top - offset
  if (asked && added) added.scrollIntoView({ block: "nearest" })
  if (active?.isConnected && active !== document.activeElement) active.focus({ preventScroll: true })
  hold()
  tick(list)
  label()
}

// --- counts ------------------------------------------------------------------------------------

let said = ""

function count(now) {
  for (const box of document.querySelectorAll("[data-n]")) {
    const number = now[box.dataset.n]
    if (number !== undefined && box.textContent !== number) box.textContent = number
  }
  document.querySelector("#sum .l").classList.toggle("none", now.late === "0")
  document.title = document.title.replace(/^([^,·]+?)(, \d+ late)?( · )/, (_, name, late, dot) => `${name}${now.late === "0" ? "" : `, ${now.late} late`}${dot}`)
  const words = `${now.late} late, ${now.soon} due in 15 minutes, ${now.waiting} waiting`
  if (said && said !== words) status(words)
  said = words
}

/** The name of each row says how late it is; nothing speaks it by itself. */
function label() {
  for (const row of rows()) {
    const words = row.querySelector(".due b")?.textContent.trim()
    const name = link(row).getAttribute("aria-label")
    const now = name.replace(/^([^,]*), [^,]*,/, (_, tier) => `${tier}, ${words},`)
    if (now !== name) link(row).setAttribute("aria-label", now)
  }
}

addEventListener("desk:tick", () => {
  label()
  for (const row of rows()) showReading(row)
})

// --- who reads ---------------------------------------------------------------------------------

const reading = new Map() // number -> {name, until}

on("signal", signal => {
  if (signal.kind !== "reading" || signal.agent === me) return
  reading.set(signal.case, { name: signal.name, until: performance.now() + READING_FOR })
  const row = rowOf(signal.case)
  if (row) showReading(row)
})

function showReading(row) {
  const cell = row.querySelector(".own")
  const found = reading.get(row.dataset.case)
  if (row.classList.contains("gone")) return
  if (found && found.until > performance.now()) {
    if (cell.dataset.reading === found.name || (cell.childElementCount && !cell.dataset.reading)) return
    own(row, `${found.name.split(" ")[0]} is reading`, found.name)
    row.querySelector(".own").dataset.reading = found.name
  } else if (cell.dataset.reading) {
    cell.replaceChildren()
    delete cell.dataset.reading
  }
}

// --- taking ------------------------------------------------------------------------------------

let changedAt = -1e9
let taking = false

list.addEventListener("focusin", event => {
  const row = event.target.closest(".row")
  if (row && row !== focusedBefore) changedAt = performance.now()
  focusedBefore = row
  rows().forEach(other => other.classList.toggle("on", other === row))
})
let focusedBefore = null
list.addEventListener("focusout", event => {
  if (list.contains(event.relatedTarget)) return
  rows().forEach(row => row.classList.remove("on"))
})

const open = number => { location.href = `/desk/cases/${number}#case-h` } // the focus goes to its heading

async function takeNext() {
  if (taking || !at("next")) return
  taking = true
  at("next").setAttribute("aria-busy", "true")
  const { ok, data } = await call("POST", "cases/next", null, { key: newKey() })
  taking = false
  at("next").removeAttribute("aria-busy")
  if (ok && data.number) { open(data.number); return }
  if (!ok) { toast(data.error.message); return }
  const mine = Number(at("rows").dataset.mine)
  toast(mine ? `Nobody is waiting. ${mine === 1 ? "Your case is" : `Your ${mine} cases are`} on the left.` : "Nobody is waiting.")
  refresh()
}

async function claim(row) {
  if (taking || !row || row.classList.contains("gone") || !row.querySelector("[data-claim]")) return
  taking = true
  row.setAttribute("aria-busy", "true")
  const number = row.dataset.case
  const { ok, status: code, data } = await call("POST", `cases/${number}/claim`, null, { key: newKey() })
  taking = false
  row.removeAttribute("aria-busy")
  if (ok) { open(number); return }
  if (code === 409 && data.error.holder) {
    const who = data.error.holder
    leave(row, `${who.split(" ")[0]} took it`, who)
    toast(`${who} took ${number} just now. Take the next one?`, { act: ["Take the next one", takeNext] })
  } else {
    toast(data.error.message)
  }
  refresh()
}

at("next")?.addEventListener("click", takeNext)
list.addEventListener("click", event => {
  const button = event.target.closest("[data-claim]")
  if (button) claim(button.closest(".row"))
})
at("held").addEventListener("click", () => { if (pending) apply(true) })

at("more").addEventListener("click", async () => {
  const button = at("more")
  const next = at("rows").dataset.next
  if (!next || button.getAttribute("aria-busy")) return
  button.setAttribute("aria-busy", "true")
  const query = new URLSearchParams(here)
  query.set("after", next)
  const found = (await part(`/desk/queue/rows?${query}`))?.getElementById("rows")
  button.removeAttribute("aria-busy")
  if (!found) { toast("The rest could not be read. Try again in a moment."); return }
  let first = null
  for (const block of found.querySelectorAll(".block")) {
    const old = at("rows").querySelector(`[data-group="${block.dataset.group}"]`)
    const fresh = [...block.querySelectorAll(".row")].filter(row => !rowOf(row.dataset.case))
    first ??= fresh[0]
    if (old) old.querySelector("ol").append(...fresh)
    else at("rows").append(block)
  }
  at("rows").dataset.next = found.dataset.next
  button.hidden = !found.dataset.next
  if (first) link(first).focus()
})

// --- keys --------------------------------------------------------------------------------------

function move(by) {
  const all = rows()
  const now = all.indexOf(focused())
  const to = all[now < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(now + by, 0), all.length - 1)]
  if (to) { link(to).focus({ preventScroll: true }); to.scrollIntoView({ block: "nearest" }) }
}

bind({
  t: [takeNext, "Take the next one"],
  ".": [() => { if (pending) apply(true) }, "Show new ones that were held back"],
  "/": [() => at("search").focus(), "Search"],
})
bind({
  j: [() => move(1), "Next case"],
  k: [() => move(-1), "Case before"],
  Enter: [null, "Open the case"],
  c: [() => { if (performance.now() - changedAt > JUST_CHANGED) claim(focused()) }, "Claim the case"],
  f: [() => { const menu = at("tiers"); if (menu) { menu.open = true; menu.querySelector("a").focus() } }, "Filter by tier"],
}, { where: "In the list" })

addEventListener("keydown", event => {
  if (event.key !== "Escape") return
  const menu = document.querySelector("details.menu[open]")
  if (menu) { menu.open = false; menu.querySelector("summary").focus() }
})
document.addEventListener("click", event => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false
})

// On a phone the chips are one line that scrolls: the chosen one is to be seen.
const chips = document.querySelector(".chips")
const chosen = chips.querySelector(".chip[aria-current]")
if (chosen) chips.scrollLeft = chosen.offsetLeft + chosen.offsetWidth - chips.clientWidth + 16

// --- what happens ------------------------------------------------------------------------------

on("cases", ({ cases }) => { if (cases.length) refresh() })
on("gap", refresh)
on("link", state => {
  at("asof").textContent = state === "away" ? `as of ${new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}` : ""
})
