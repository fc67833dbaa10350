// The page of one case: acts, menus, keys, and what comes in while it is open.

import { call, part, tell } from "./api.js"
import { carry } from "./carried.js"
import { now, tick } from "./clock.js"
import * as composer from "./composer.js"
import * as drafts from "./drafts.js"
import * as hold from "./hold.js"
import * as files from "./files.js"
import { bind } from "./keys.js"
import { lifeActs } from "./life.js"
import { on } from "./live.js"
import * as log from "./log.js"
import * as macros from "./macros.js"
import { children } from "./morph.js"
import { news } from "./news.js"
import { alert, toast, undo, upper } from "./say.js"
import { tagActs } from "./tags.js"

const main = document.getElementById("main")
const number = main.dataset.case
const conversation = Number(main.dataset.conversation)
const me = document.body.dataset
const at = id => document.getElementById(id)
const READING_EVERY = 8000
const SIGNAL_LASTS = 6000
const READER_LASTS = 20_000
const GUARD = 400 // ms: c and e do nothing just after the case has changed under the hand

let changedAt = -GUARD

// --- what comes in -----------------------------------------------------------------------------

let running = null
let again = false

/** Ask for what is new and put it in its place; requests in a row become one. */
async function refresh({ own = false } = {}) {
  if (running) { again = true; await running; return }
  running = look(own)
  await running
  running = null
  if (again) { again = false; await refresh() }
}

async function look(own) {
  const asked = main.dataset.story
  const found = await part(`/desk/cases/${number}/log?after=${log.askAfter()}${all()}${all() && log.floor() ? `&floor=${log.floor()}` : ""}`)
  if (asked !== main.dataset.story) return // the log shows something else by now
  if (!found) return
  const piece = name => found.querySelector(`[data-part="${name}"]`)
  const head = piece("head")
  const before = main.dataset.standing
  const fresh = log.take(piece("log"))
  elsewhere(piece("log"))
  children(at("head"), head)
  children(at("held"), piece("held"))
  hold.show()
  drafts.look(at("writing").dataset, composer.cameBack)
  children(at("composer"), piece("composer"))
  children(at("card"), piece("card"))
  showReaders()
  tick(main)
  if (own) log.toBottom()
  if (before !== head.dataset.standing) changed(before, head.dataset)
  if (fresh.some(item => item.matches(".cust"))) hideTyping()
}

/** Somebody has changed whose it is. */
function changed(from, { standing, holder }) {
  main.dataset.standing = standing
  if (acting) return
  changedAt = performance.now()
  const words = standing === "theirs" ? `${holder} took this case just now.`
    : standing === "resolved" ? "This case was resolved just now."
    : standing === "unclaimed" ? "This case went back to the queue."
    : from === "resolved" ? "This case is open again, and yours." : "This case is yours now."
  news(words)
}

// --- the person's other conversations --------------------------------------------------------

const all = () => (main.dataset.story === "everything" ? "&all=1" : "")
const others = () => (main.dataset.also ?? "").split(" ").filter(Boolean).map(Number)

function elsewhere(piece) {
  main.dataset.also = piece.dataset.also ?? ""
  at("story").hidden = !main.dataset.also
}

/** Show this conversation alone, or all of the person's; the browser remembers it for the next case. */
async function showStory(button) {
  const wanted = button.dataset.show
  if (wanted === main.dataset.story) return
  button.setAttribute("aria-busy", "true")
  const found = await part(`/desk/cases/${number}/log?newest=1${wanted === "everything" ? "&all=1" : ""}`)
  button.removeAttribute("aria-busy")
  const piece = found?.querySelector('[data-part="log"]')
  if (!piece) { news("The desk cannot be reached. Try again in a moment."); return }
  document.cookie = `warmline_story=${wanted}; path=/desk; max-age=31536000; samesite=lax`
  main.dataset.story = wanted
  for (const other of at("story").children) other.setAttribute("aria-pressed", String(other === button))
  elsewhere(piece)
  log.replace(piece)
}

at("story").addEventListener("click", event => {
  const button = event.target.closest("[data-show]")
  if (button && button.getAttribute("aria-busy") !== "true") showStory(button)
})

on("cases", ({ cases, conversations }) => {
  const theirs = all() && others().some(id => conversations.includes(id))
  if (cases.includes(number) || conversations.includes(conversation) || theirs) refresh()
})
on("gap", () => refresh())

// --- who types, who reads ----------------------------------------------------------------------

let typingTimer = 0
const readers = new Map()

function hideTyping() { at("typing").hidden = true }

on("signal", signal => {
  if (signal.conversation !== conversation && signal.case !== number) return
  if (drafts.elsewhere(signal)) refresh()
  if (["typing", "noting"].includes(signal.kind) && (signal.by !== "agent" || String(signal.agent) !== me.agent)) {
    const who = signal.by === "agent" ? signal.name : main.dataset.customer
    at("typing").textContent = `${upper(who)} is ${signal.kind === "noting" ? "writing a note" : "typing"}`
    at("typing").hidden = false
    clearTimeout(typingTimer)
    typingTimer = setTimeout(hideTyping, SIGNAL_LASTS)
  }
  if (signal.kind === "reading" && String(signal.agent) !== me.agent && signal.case === number) {
    const known = readers.has(signal.agent)
    readers.set(signal.agent, { name: signal.name, at: performance.now() })
    showReaders()
    if (!known) reading() // they should know of us at once, too
  }
})

function showReaders() {
  for (const [id, reader] of readers) if (performance.now() - reader.at > READER_LASTS) readers.delete(id)
  const holder = main.querySelector(".held-by bdi")?.textContent // who has it is said already
  const names = [...readers.values()].map(reader => reader.name).filter(name => name !== holder)
  const box = at("readers")
  box.hidden = names.length === 0
  const words = names.length > 2 ? `${names[0]} and ${names.length - 1} others read this`
    : names.length === 2 ? `${names.join(" and ")} read this` : names.length ? `${names[0]} is reading` : ""
  if (box.dataset.words === words) return
  box.dataset.words = words
  const mark = document.createElement("span")
  mark.className = "av"
  mark.setAttribute("aria-hidden", "true")
  mark.textContent = (names[0] ?? "").split(/\s+/).map(word => word[0]).slice(0, 2).join("").toUpperCase()
  const text = document.createElement("span")
  text.textContent = words
  box.replaceChildren(mark, text)
}

function reading() { if (!document.hidden) tell("/desk/signal", { kind: "reading", case: number }) }
reading()
setInterval(() => { reading(); showReaders() }, READING_EVERY)

// --- menus -------------------------------------------------------------------------------------

let openPop = null

function show(id, opener) {
  shut()
  const pop = at(id)
  if (!pop) return
  pop.hidden = false
  openPop = { pop, opener }
  opener?.setAttribute("aria-expanded", "true")
  const wrong = pop.querySelector(".wrong")
  if (wrong) wrong.textContent = ""
  ;(pop.querySelector("button.opt") ?? pop.querySelector("button, input, .sub"))?.focus()
}

function shut({ focus = false } = {}) {
  if (!openPop) return
  const { pop, opener } = openPop
  openPop = null
  pop.hidden = true
  opener?.setAttribute("aria-expanded", "false")
  if (focus) (opener?.offsetParent ? opener : at("case-h")).focus()
}

document.addEventListener("keydown", event => {
  if (!openPop) return
  if (event.key === "Escape") { event.preventDefault(); shut({ focus: true }); return }
  if (event.target.matches("input")) return
  const stops = [...openPop.pop.querySelectorAll("button.opt")].filter(stop => stop.offsetParent)
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
  if (!step || !stops.length) return
  event.preventDefault()
  stops[(stops.indexOf(document.activeElement) + step + stops.length) % stops.length].focus()
}, true)
document.addEventListener("pointerdown", event => {
  if (openPop && !openPop.pop.contains(event.target) && !event.target.closest(`[data-pop="${openPop.pop.id}"]`)) shut()
})
document.addEventListener("focusin", event => {
  if (openPop && !openPop.pop.contains(event.target) && event.target !== openPop.opener) shut()
})

// --- acts --------------------------------------------------------------------------------------

let acting = false
let actingIn = null // the menu that the act was chosen from

/** One act on the case, after the one before; what was refused is said beside its button. */
async function act(name, body, button) {
  for (let waits = 0; acting && waits < 40; waits++) await new Promise(done => setTimeout(done, 50))
  if (acting || button?.isConnected === false) return null
  acting = true
  actingIn = button?.closest(".pop") ?? null
  button?.setAttribute("aria-busy", "true")
  const answer = await call("POST", `cases/${number}/${name}`, body)
  button?.removeAttribute("aria-busy")
  if (!answer.ok) {
    acting = false
    const words = answer.data.error.message
    const beside = button?.closest(".pop, form")?.querySelector(".wrong")
    if (beside) beside.textContent = words
    else { news(words); alert(words) }
    if (answer.status === 409 && !beside) refresh()
    return null
  }
  return answer.data
}

async function done(words, { focus = at("case-h"), undo = null } = {}) {
  if (openPop?.pop === actingIn) shut()
  await refresh()
  acting = false
  // Who writes already, or has opened the next menu, is not called away.
  if (!openPop && !at("composer").contains(document.activeElement)) focus?.focus()
  if (words) toast(words, { undo })
}

const acts = {
  async claim(button) {
    if (await act("claim", null, button)) await done("")
  },
  async take(button) {
    if (await act("assign", { to: await myAddress() }, button)) await done("This case is yours now.")
  },
  async release(button) {
    if (await act("release", null, button)) await done("Back in the queue.", { undo: () => acts.claim() })
  },
  async return(button) {
    if (await act("return", null, button)) leave(`${number} is the bot’s again.`)
  },
  async reopen(button) {
    if (await act("reopen", null, button)) await done("Open again, and yours.")
  },
  async snooze(button) {
    const until = button.dataset.minutes ? new Date(now() + button.dataset.minutes * 60_000)
      : new Date(button.dataset.until ?? at(button.dataset.field).value)
    if (Number.isNaN(until.getTime())) { button.closest(".pop").querySelector(".wrong").textContent = "Choose a day and a time."; return }
    if (await act("snooze", { until: until.toISOString() }, button)) await done(`${number} sleeps.`)
  },
  async resolve(button) {
    if (await act("resolve", { outcome: button.dataset.outcome }, button)) leave(`${number} is resolved.`, true)
  },
  async again(button) {
    button.setAttribute("aria-busy", "true")
    const answer = await call("POST", `undelivered/${button.dataset.message}/send-again`)
    if (!answer.ok) { alert(answer.data.error.message); news(answer.data.error.message) }
    await refresh()
  },
  older: button => log.older(button, number, all()),
  unfold: button => log.unfold(button),
  newest() { log.toBottom(); at("log").focus({ preventScroll: true }) },
  send: () => composer.send(),
  attach: () => files.choose(),
  macros: () => macros.toggle(),
  macro: button => macros.insertSaved(Number(button.dataset.macro)),
  unsend: () => hold.undo(),
  insert(button) {
    const { slug, anchor, title, words } = button.dataset
    const from = `“${title}”: ${document.body.dataset.base}/help/${encodeURIComponent(slug)}${anchor ? `#${encodeURIComponent(anchor)}` : ""}`
    composer.insert(words ? `${words}\n\n${from}` : from)
  },
  correct() {
    const form = at("correct")
    if (!form) return
    if (!at("card").offsetParent) drawer(true)
    const open = form.hidden
    form.hidden = !open
    const opener = main.querySelector('h2 [data-act="correct"]')
    opener.setAttribute("aria-expanded", String(open))
    if (open) at("correct-tier").focus()
    else opener.focus()
  },
  rename() {
    const form = at("rename")
    form.hidden = !form.hidden
    const opener = main.querySelector('h2 [data-act="rename"]')
    opener.setAttribute("aria-expanded", String(!form.hidden))
    if (form.hidden) opener.focus()
    else at("rename-name").focus()
  },
  card: () => drawer(),
  async proof(button) {
    if (!await act("ask-proof", null, button)) return
    await done("They see a code now. You read here when it is proven.", { focus: button })
  },
  unlink(button) {
    const form = at(`unlink-${button.dataset.link}`)
    const opener = form.previousElementSibling.querySelector("[data-act=unlink]")
    form.hidden = !form.hidden
    opener.setAttribute("aria-expanded", String(!form.hidden))
    if (form.hidden) opener.focus()
    else form.querySelector("[type=submit]").focus()
  },
}

Object.assign(acts, lifeActs({ act, done, news, number }), tagActs({ act, done }))

async function myAddress() { return (await call("GET", "me")).data.email }

/** What comes after: the next of my cases, else the queue. The words go with us. */
function leave(words, undo = false) {
  const mine = [...document.querySelectorAll("#side .mine a[data-case]")].filter(link => link.dataset.case !== number)
  carry(words, undo ? number : null)
  location.href = mine.length ? mine[0].href : "/desk"
}

document.addEventListener("click", event => {
  const opener = event.target.closest("[data-pop]")
  if (opener && main.contains(opener)) {
    const again = openPop?.opener === opener
    if (again) shut({ focus: true })
    else show(opener.dataset.pop, opener.closest(".pop") ? at("act-more") : opener)
    return
  }
  const tab = event.target.closest("[role=tab]")
  if (tab?.dataset.mode) { composer.switchTo(tab.dataset.mode); return }
  if (tab?.dataset.part) { showPart(tab); return }
  const button = event.target.closest("[data-act]")
  if (!button || !main.contains(button)) return
  if (button.getAttribute("aria-disabled") === "true") { if (button.title) news(button.title); return }
  if (button.getAttribute("aria-busy") !== "true") acts[button.dataset.act]?.(button)
})

main.addEventListener("submit", async event => {
  event.preventDefault()
  if (event.target.matches(".unlink")) {
    if (await act(`links/${event.target.dataset.link}/undo`, null, event.submitter)) await done("Apart again.", { focus: at("card") })
    return
  }
  if (event.target.id === "rename") { await rename(event.target, event.submitter); return }
  if (event.target.id !== "correct") return
  if (!await act("correct", correction(), event.submitter)) return
  event.target.remove() // what comes is another form, that begins with what is true now
  main.querySelector('h2 [data-act="correct"]').setAttribute("aria-expanded", "false")
  await done("Corrected, and kept as an example to learn from.", { focus: main.querySelector('h2 [data-act="correct"]') })
})

/** What the form says that the card did not; a tier that is only confirmed is an example, too. */
function correction() {
  const [tier, intent, language, security] = ["tier", "intent", "language", "security"].map(name => at(`correct-${name}`))
  const said = {}
  if (language.value !== language.dataset.was) said.language = language.value
  if (security.checked !== Boolean(security.dataset.was)) said.security = security.checked
  const first = [...tier.options].find(option => option.defaultSelected)?.value
  const before = [...intent.options].find(option => option.defaultSelected)?.value ?? ""
  if (tier.value !== first || intent.value !== before || !Object.keys(said).length) {
    said.tier = tier.value
    if (intent.value) said.intent = intent.value
  }
  return said
}

async function rename(form, button) {
  const answer = await call("PUT", `customers/${form.dataset.customer}`, Object.fromEntries(new FormData(form)))
  if (!answer.ok) { form.querySelector(".wrong").textContent = answer.data.error.message; return }
  form.remove()
  await refresh()
  main.querySelector('h2 [data-act="rename"]').focus()
  toast("Kept, beside what they say of themselves.")
}

main.addEventListener("change", event => {
  const { tier } = event.target.selectedOptions?.[0]?.dataset ?? {}
  if (event.target.id === "correct-intent" && tier) at("correct-tier").value = tier
  if (event.target.id === "correct-tier" && at("correct-intent").selectedOptions[0].dataset.tier !== event.target.value) at("correct-intent").value = ""
})

// --- the card as a drawer, and the parts on a phone --------------------------------------------

function drawer(open = main.dataset.card !== "open") {
  if (matchMedia("(max-width: 47.5rem)").matches) { showPart(main.querySelector('.switch [data-part="context"]')); return }
  const wide = matchMedia("(min-width: 75rem)").matches
  const shown = wide ? main.dataset.card === "shut" : open
  main.dataset.card = shown ? (wide ? "" : "open") : "shut"
  at("act-card").setAttribute("aria-expanded", String(shown))
  if (shown) at("card").focus({ preventScroll: true })
  else at("case-h").focus({ preventScroll: true })
}

function showPart(tab) {
  main.dataset.part = tab.dataset.part
  for (const other of main.querySelectorAll(".switch [role=tab]")) {
    other.setAttribute("aria-selected", String(other === tab))
    other.tabIndex = other === tab ? 0 : -1
  }
  if (tab.dataset.part === "talk") log.toBottom()
}

main.querySelector(".switch").addEventListener("keydown", event => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
  if (!step) return
  const tabs = [...main.querySelectorAll(".switch [role=tab]")]
  const next = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length]
  showPart(next)
  next.focus()
})
document.addEventListener("keydown", event => { // a form in the card: as its Cancel
  if (event.key !== "Escape" || event.isComposing) return
  const cancel = event.target.closest?.("form.correct")?.querySelector("[data-act]")
  if (cancel) { event.preventDefault(); cancel.click() }
})
// Wherever the focus is, outside of what Escape leaves first: a menu, a field of the conversation.
document.addEventListener("keydown", event => {
  const elsewhere = event.defaultPrevented || (event.target.closest?.("input, textarea, select") && !at("card").contains(event.target))
  if (event.key === "Escape" && main.dataset.card === "open" && !elsewhere) drawer(false)
})

// --- keys --------------------------------------------------------------------------------------

const press = (id, why) => () => {
  const button = typeof id === "string" ? at(id) : id()
  if (button && performance.now() - changedAt > GUARD) button.click()
  else if (!button && why) news(why)
}

bind({
  c: [press("act-claim", "This case cannot be claimed now."), "Claim"],
  r: [() => composer.switchTo("reply"), "Write a reply"],
  n: [() => composer.switchTo("note"), "Write an internal note"],
  i: [press("first-insert", "No article is offered here."), "Insert the best article into the reply"],
  a: [press("act-assign", "You cannot give this case away now."), "Transfer or assign"],
  s: [press("act-snooze", "Only your own open case can be snoozed."), "Snooze"],
  e: [press("act-resolve", "You cannot resolve this case now."), "Resolve"],
  b: [press(() => main.querySelector('[data-act="return"]'), "Only your own case can go back to the bot."), "Return to the bot"],
  w: [press(() => main.querySelector('h2 [data-act="correct"]'), "You cannot correct this case."), "Correct what it is"],
  d: [() => drawer(), "Show or hide the card"],
  z: [() => hold.undo() || undo(), "Take a reply back that has not left"],
  C: [press(() => main.querySelector('[data-act="release"]'), "Only your own case can be released."), "Release"],
  J: [() => myCase(1), "Next of my cases"],
  K: [() => myCase(-1), "The one of my cases before"],
  u: [() => { location.href = "/desk" }, "Up, to the queue"],
}, { where: "In a case" })

function myCase(step) {
  const mine = [...document.querySelectorAll("#side .mine a[data-case]")]
  if (!mine.length) { news("You have no cases yet."); return }
  const index = mine.findIndex(link => link.dataset.case === number)
  location.href = mine[(index + step + mine.length) % mine.length].href
}

// --- start -------------------------------------------------------------------------------------

log.start()
composer.start(refresh)
macros.start()
hold.start(composer.restore, refresh)
at("undo-for").addEventListener("change", async event => {
  const answer = await call("PUT", "me/undo", { seconds: Number(event.target.value) })
  if (answer.ok) at("composer").dataset.holdFor = answer.data.seconds
  else alert(answer.data.error.message)
})
if (["#reply", "#note"].includes(location.hash)) {
  composer.switchTo(location.hash.slice(1))
  history.replaceState(null, "", location.pathname + location.search)
}
tick(main)
