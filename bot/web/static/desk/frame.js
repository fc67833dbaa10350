// The frame of every page: the connection, my cases, the help, and whether somebody is at the desk.

import { part, tell } from "./api.js"
import "./carried.js"
import { tick } from "./clock.js"
import { bind, lettersOn, map, switchLetters } from "./keys.js"
import { on, since } from "./live.js"
import { takeNext } from "./next.js"
import "./notice.js"
import { commands } from "./palette.js"
import { alert, toast, undo } from "./say.js"

const HERE_EVERY = 45_000
const USED_WITHIN = 5 * 60_000

const at = id => document.getElementById(id)
const $ = (selector, root = document) => root.querySelector(selector)

// --- whether somebody is here ------------------------------------------------------------------

let usedAt = Date.now() // a person has opened this page
for (const kind of ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"]) {
  addEventListener(kind, () => { usedAt = Date.now() }, { passive: true, capture: true })
}

function here() {
  if ("answers" in document.body.dataset && !document.hidden && Date.now() - usedAt < USED_WITHIN) tell("/desk/here")
}
here()
setInterval(here, HERE_EVERY)

// --- the column on the left --------------------------------------------------------------------

let sideTimer = 0
let sideAt = -1e9

/** Draw the column again: at once, then not more often than every two seconds, and seldom where nobody looks. */
function side() {
  clearTimeout(sideTimer)
  sideTimer = setTimeout(drawSide, Math.max(0, sideAt + (document.hidden ? 10_000 : 2_000) - performance.now()))
}

async function drawSide() {
  sideAt = performance.now()
  const found = await part(`/desk/side?nav=${encodeURIComponent(document.body.dataset.nav)}`)
  if (!found) return
  for (const selector of [".nav", ".mine", ".tabbar", "#leaving"]) {
    const fresh = $(selector, found)
    const old = $(selector)
    if (fresh && old && !old.contains(document.activeElement) && fresh.innerHTML !== old.innerHTML) old.replaceWith(fresh)
  }
  tick(at("side"))
}

// The gate has closed, or an admin has seen that it has.
on("signal", async signal => {
  const banner = at("gate-banner")
  if (signal.kind !== "gate" || !banner) return
  const found = (await part("/desk/gate/banner"))?.getElementById("gate-banner")
  if (found) banner.replaceWith(found)
})

// Somebody calls us by a note. Who has that case before them reads it there.
on("signal", ({ kind, whom, name, case: number }) => {
  const me = Number(document.body.dataset.agent)
  if (kind !== "mention" || !whom.includes(me) || document.getElementById("main")?.dataset.case === number) return
  toast(`${name} mentions you in ${number}.`, { act: ["Open", () => { location.href = `/desk/cases/${number}` }] })
})

// A reply of ours did not leave; its case says so itself.
on("signal", ({ kind, agent, case: of, words }) => {
  if (kind !== "hold" || String(agent) !== document.body.dataset.agent || at("main").dataset.case === of) return
  toast(words, { act: ["Open", go(`/desk/cases/${of}`)] })
  alert(words)
})

on("cases", side)
on("gap", side)
on("signal", signal => { if (signal.kind === "channels") side() })

// --- the connection ----------------------------------------------------------------------------

on("link", state => {
  const shown = at("link")
  shown.textContent = { live: "Live", reconnecting: "Reconnecting", away: "Not connected" }[state]
  shown.dataset.link = state
  const away = state === "away"
  at("away").hidden = !away
  document.body.classList.toggle("stale", away)
  if (away) {
    const time = since().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })
    at("away-words").textContent = `Not connected since ${time}. What you see is as of then; what you wrote is safe.`
    alert(`Not connected since ${time}.`)
  }
})

// --- help, keys, colours -----------------------------------------------------------------------

function help() {
  const list = at("help-keys")
  list.replaceChildren(...map().map(({ where, keys }) => {
    const section = document.createElement("section")
    const heading = document.createElement("h3")
    heading.textContent = where
    const rows = document.createElement("dl")
    for (const { key, words } of keys) {
      const term = document.createElement("dt")
      for (const stroke of key.split(" ")) {
        const cap = document.createElement("kbd")
        cap.textContent = stroke
        term.append(cap, " ")
      }
      const meaning = document.createElement("dd")
      meaning.textContent = words
      rows.append(term, meaning)
    }
    section.append(heading, rows)
    return section
  }))
  at("letters").checked = lettersOn()
  at("theme").value = document.documentElement.dataset.theme ?? ""
  at("help").showModal()
}

document.addEventListener("click", event => {
  if (event.target.closest("[data-help]")) help()
  if (event.target.closest("[data-close]")) event.target.closest("dialog").close()
})
at("letters").addEventListener("change", event => switchLetters(event.target.checked))
at("theme").addEventListener("change", event => {
  const theme = event.target.value
  document.cookie = `warmline_theme=${theme}; path=/desk; max-age=${theme ? 31536000 : 0}; samesite=lax`
  if (theme) document.documentElement.dataset.theme = theme
  else delete document.documentElement.dataset.theme
})

const go = path => () => { location.href = path }
const search = () => { at("search") ? at("search").focus() : go("/desk/search")() }
if ("answers" in document.body.dataset) bind({ t: [takeNext, "Take the next one"] })
bind({
  "/": [search, "Search"],
  "?": [help, "This help"],
  z: [() => undo(), "Undo"],
  "g q": [go("/desk"), "Go to the queue"],
  "g m": [go("/desk?view=mine"), "Go to my cases"],
  "g t": [go("/desk/team"), "Go to the team"],
  "g c": [go("/desk/customers"), "Go to the customers"],
  "g r": [go("/desk/macros"), "Go to saved replies"],
  "g h": [go("/desk/channels"), "Go to the channels"],
  "g l": [go("/desk/gate"), "Go to labelling and the gate"],
})
// What has a page; the letter leads nowhere where it has none.
for (const [letter, path, words] of [["c", "/desk/customers", "Go to customers"], ["i", "/desk/incidents", "Go to incidents"]]) {
  if ($(`.nav a[href="${path}"]`)) bind({ [`g ${letter}`]: [go(path), words] })
}
commands()
