// The queue, live. Times, owners, presence and counts change at once and in place. Rows come, go and change places only
// while nobody touches: the pointer is out of the list for three seconds, the focus is elsewhere, no menu is open.

import { call, newKey, part } from "./api.js"
import { tick } from "./clock.js"
import { bind } from "./keys.js"
import { on } from "./live.js"
import { takeNext } from "./next.js"
import { status, toast } from "./say.js"
import "./select.js"

const UNTOUCHED = 3_000
const APART = 500
const APART_UNSEEN = 5_000 // nobody looks at this tab now
const JUST_CHANGED = 400
const READING_FOR = 45_000
const PAGE = 50
const HEAD = 200 // rows that are asked for again at each news; of what is shown beyond, only what the news names
const NAMED = 200 // cases that may be named; more is as if all had changed

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
let whole = false // something may have been missed: also what is shown beyond the head is asked for again
const named = new Set() // cases that the news have named since they were last asked for

function refresh() {
  if (asking) { again = true; return }
  waits = true
  clearTimeout(timer)
  const apart = document.hidden ? APART_UNSEEN : Math.min(APART * (1 + list.querySelectorAll(".row").length / 2500), 4 * APART)
  timer = setTimeout(look, Math.max(0, askedAt + apart - performance.now()))
}

async function look() {
  asking = true
  again = waits = false
  askedAt = performance.now()
  const slow = setTimeout(() => list.setAttribute("aria-busy", "true"), 300)
  const found = await ask()
  clearTimeout(slow)
  list.removeAttribute("aria-busy")
  asking = false
  if (found) take(found)
  if (again) refresh()
}

/** What the list should be now: the head anew, and behind it what is shown already, brought up to date. */
async function ask() {
  const shown = rows().map(row => row.dataset.case)
  const query = new URLSearchParams(here)
  query.set("limit", Math.min(Math.max(PAGE, Math.ceil(shown.length / PAGE) * PAGE), HEAD))
  if (shown.length > HEAD && (whole || named.size > NAMED)) return askAll(query, shown.length)
  const about = new Set([...shown.slice(0, HEAD), ...(shown.length > HEAD ? named : [])])
  query.set("known", [...about].map(number => number.slice(2)).join(","))
  if (shown.length > HEAD) query.set("tail", "1")
  const asked = [...named]
  named.clear()
  const fresh = (await part(`/desk/queue/rows?${query}`))?.getElementById("rows")
  if (!fresh) { asked.forEach(number => named.add(number)); return null }
  if (rows().length > shown.length) { again = true; return null } // more was asked for meanwhile: it knows nothing of that
  if (shown.length > HEAD) behind(fresh)
  else whole = false
  return fresh
}

/** As many rows as are shown, page after page. */
async function askAll(query, count) {
  named.clear()
  let fresh = null
  for (let got = 0; got < count;) {
    const more = (await part(`/desk/queue/rows?${query}`))?.getElementById("rows")
    if (!more) return null
    got += more.querySelectorAll(".row").length
    if (fresh) {
      for (const block of more.querySelectorAll(".block")) {
        const old = fresh.querySelector(`[data-group="${block.dataset.group}"]`)
        if (old) old.querySelector("ol").append(...block.querySelectorAll(".row"))
        else fresh.append(block)
      }
      fresh.dataset.next = more.dataset.next
    } else {
      fresh = more
    }
    if (!more.dataset.next) break
    query.set("after", more.dataset.next)
  }
  if (rows().length > count) { again = true; return null }
  whole = false
  return fresh
}

/** Put behind a fresh head what is shown beyond it, in its order, with what is new among it. */
function behind(fresh) {
  const head = [...fresh.querySelectorAll(".block .row")]
  const last = head.at(-1)
  if (!last || !fresh.dataset.next) return // the head is all there is
  const inHead = new Set(head.map(row => row.dataset.case))
  const left = new Set([...fresh.querySelectorAll("#left li")].map(line => line.dataset.case))
  const news = [...fresh.querySelectorAll("#further .row")].filter(row => !inHead.has(row.dataset.case))
  const renewed = new Set(news.map(row => row.dataset.case))
  const end = rows().at(-1)
  const come = news.filter(row => before(last, row) && !before(end, row)).sort((one, other) => (before(one, other) ? -1 : 1))
  const blocks = new Map([...fresh.querySelectorAll(":scope > .block")].map(block => [block.dataset.group, block]))
  const put = (row, group, heading) => {
    if (!blocks.has(group)) {
      const block = Object.assign(document.createElement("section"), { className: "block" })
      block.dataset.group = group
      block.setAttribute("aria-labelledby", `g-${group}`)
      block.append(heading.cloneNode(true), document.createElement("ol"))
      const others = [...blocks.values()]
      others.length ? others.at(-1).after(block) : fresh.prepend(block)
      blocks.set(group, block)
    }
    blocks.get(group).lastElementChild.append(row)
  }
  const putNews = row => {
    const group = row.closest("[data-group]")
    put(row, group.dataset.group, group.querySelector(".group"))
  }
  for (const block of list.querySelectorAll("#rows > .block")) {
    for (const row of block.querySelectorAll(".row")) {
      const number = row.dataset.case
      if (inHead.has(number) || left.has(number) || renewed.has(number) || row.classList.contains("gone")) continue
      if (!before(last, row)) continue // it should be in the head, and is not: it has gone
      while (come.length && before(come[0], row)) putNews(come.shift())
      const same = row.cloneNode(false)
      same.dataset.same = "1"
      put(same, block.dataset.group, block.firstElementChild)
    }
  }
  come.forEach(putNews)
  fresh.querySelector("#further")?.remove()
  fresh.dataset.next = at("rows").dataset.next
}

/** Whether one row stands before another: by deadline and number, or in lists of what is done the newest first. */
function before(one, other) {
  const [at, id] = one.dataset.place.split("~").map(Number)
  const [otherAt, otherId] = other.dataset.place.split("~").map(Number)
  if (list.dataset.newest !== undefined) return id > otherId
  return at === otherAt ? id < otherId : at < otherAt
}

function take(fresh) {
  count(fresh.dataset)
  const known = new Map(rows().map(row => [row.dataset.case, row]))
  const wanted = [...fresh.querySelectorAll(".row")]
  for (const row of wanted) {
    const old = known.get(row.dataset.case)
    if (old && !row.dataset.same) renew(old, row)
  }
  for (const line of fresh.querySelectorAll("#left li")) {
    const row = known.get(line.dataset.case)
    if (row) leave(row, line.textContent, line.dataset.who)
  }
  const order = rows().map(row => row.dataset.case).join()
  if (order === wanted.map(row => row.dataset.case).join() && !changedGroups(fresh)) {
    headings(fresh)
    at("more").hidden = !fresh.dataset.next
    Object.assign(at("rows").dataset, fresh.dataset)
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
  old.dataset.place = row.dataset.place
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
  at("held-words").textContent = sooner ? `Show ${some} sooner` : `Show ${some} new one${some > 1 ? "s" : ""}`
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
  const active = document.activeElement
  fresh.querySelector("#left")?.remove()
  const added = settle(fresh)
  at("more").hidden = !fresh.dataset.next
  list.scrollTop = scrolled
  if (first?.isConnected && scrolled > 4) list.scrollTop += first.getBoundingClientRect().top - offset
  if (asked && added) added.scrollIntoView({ block: "nearest" })
  if (active?.isConnected && active !== document.activeElement) active.focus({ preventScroll: true })
  hold()
  tick(list)
  label()
  dispatchEvent(new CustomEvent("queue:rows"))
}

/** Make the list what `fresh` is, and touch only what differs: ten thousand rows that stay are not moved. */
function settle(fresh) {
  const box = at("rows")
  const old = new Map(rows().map(row => [row.dataset.case, row]))
  const wanted = new Set([...fresh.querySelectorAll(".row")].map(row => row.dataset.case))
  for (const [number, row] of old) if (!wanted.has(number)) row.remove()
  const blocks = new Map([...box.querySelectorAll(".block")].map(block => [block.dataset.group, block]))
  let added = null
  let place = box.firstElementChild
  for (const part of [...fresh.children]) {
    let block = part
    if (part.matches(".block")) {
      block = blocks.get(part.dataset.group) ?? part.cloneNode(false)
      if (!block.firstElementChild) block.append(part.querySelector(".group").cloneNode(true), document.createElement("ol"))
      const heading = block.querySelector(".group")
      const now = part.querySelector(".group").innerHTML
      if (heading.innerHTML !== now) heading.innerHTML = now
      const ol = block.querySelector("ol")
      let next = ol.firstElementChild
      for (const row of [...part.querySelectorAll(".row")]) {
        const known = old.get(row.dataset.case)
        if (known && known === next) { next = next.nextElementSibling; continue }
        if (!known) { row.classList.add("new"); added ??= row }
        ol.insertBefore(known ?? row, next)
      }
    }
    if (block === place) place = place.nextElementSibling
    else box.insertBefore(block, place)
  }
  while (place) { const gone = place; place = place.nextElementSibling; gone.remove() }
  Object.assign(box.dataset, fresh.dataset)
  return added
}

// --- counts ------------------------------------------------------------------------------------

let said = ""

function count(now) {
  for (const box of document.querySelectorAll("[data-n]")) {
    const number = now[box.dataset.n]
    if (number !== undefined && box.textContent !== number) box.textContent = number
  }
  document.querySelector("#sum .l").classList.toggle("none", now.late === "0")
  document.title = document.title.replace(/^([^,·]+?)(, \d+\+? late)?( · )/, (_, name, late, dot) => `${name}${now.late === "0" ? "" : `, ${now.late} late`}${dot}`)
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
  list.querySelectorAll(".row.on").forEach(other => { if (other !== row) other.classList.remove("on") })
  row?.classList.add("on")
})
let focusedBefore = null
list.addEventListener("focusout", event => {
  if (list.contains(event.relatedTarget)) return
  list.querySelectorAll(".row.on").forEach(row => row.classList.remove("on"))
})

const open = number => { location.href = `/desk/cases/${number}#case-h` } // the focus goes to its heading

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

/** Feedback is read: it goes without a word to who wrote it. */
async function read(row) {
  if (taking || !row || row.classList.contains("gone") || !row.querySelector("[data-read]")) return
  taking = true
  const number = row.dataset.case
  const { ok, data } = await call("POST", `cases/${number}/read`, null, { key: newKey() })
  taking = false
  if (ok) {
    const on = row.nextElementSibling ?? row.previousElementSibling
    leave(row, "Read", "")
    if (focused() === row && on?.matches(".row")) link(on).focus({ preventScroll: true })
    toast(`${number} is read.`, { undo: () => unread(number) })
  } else {
    toast(data.error.message)
  }
  refresh()
}

async function unread(number) {
  const { ok, data } = await call("POST", `cases/${number}/unread`, null, { key: newKey() })
  toast(ok ? `${number} waits to be read again.` : data.error.message)
  refresh()
}

list.addEventListener("click", event => {
  const button = event.target.closest("[data-claim], [data-read]")
  if (button) ("read" in button.dataset ? read : claim)(button.closest(".row"))
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
  pending = null // it knew of fewer rows
  dispatchEvent(new CustomEvent("queue:rows"))
  refresh()
  if (first) link(first).focus()
})

// --- keys --------------------------------------------------------------------------------------

function move(by) {
  const all = rows()
  const now = all.indexOf(focused())
  const to = all[now < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(now + by, 0), all.length - 1)]
  if (to) { link(to).focus({ preventScroll: true }); to.scrollIntoView({ block: "nearest" }) }
}

/** The case, with the words in hand. */
function openAt(mode) {
  const row = focused()
  if (row && !row.classList.contains("gone")) location.href = `${link(row).href}#${mode}`
}

bind({
  ".": [() => { if (pending) apply(true) }, "Show new ones that were held back"],
})
bind({
  j: [() => move(1), "Next case"],
  k: [() => move(-1), "Case before"],
  Enter: [null, "Open the case"],
  c: [() => { if (performance.now() - changedAt > JUST_CHANGED) claim(focused()) }, "Claim the case"],
  r: [() => openAt("reply"), "Open the case, to reply"],
  n: [() => openAt("note"), "Open the case, to write a note"],
  e: [() => { if (performance.now() - changedAt > JUST_CHANGED) read(focused()) }, "Feedback: it is read"],
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

if (location.hash === "#search") at("search").focus()

// --- what happens ------------------------------------------------------------------------------

on("cases", ({ cases }) => {
  for (const number of cases) named.add(number)
  if (cases.length) refresh()
})
on("gap", () => { whole = true; refresh() })
addEventListener("queue:refresh", refresh)
on("link", state => {
  at("asof").textContent = state === "away" ? `as of ${new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}` : ""
})
