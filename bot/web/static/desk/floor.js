// The floor, live: what is late, what soon will be, who works on what. Taking over from the list.

import { call, newKey, part } from "./api.js"
import { tick } from "./clock.js"
import { on } from "./live.js"
import { toast } from "./say.js"

const APART = 1_000
const DRAW_EVERY = 20_000

const at = id => document.getElementById(id)
let timer = 0
let drawnAt = -1e9
let waits = false
let must = false // an act was done here: who did it sees what came of it

const touched = () => at("floor").matches(":hover") || at("floor").contains(document.activeElement)

/** Draw it again; while a hand or the focus is in it, only when it has gone, or after an act of theirs. */
function draw({ always = false } = {}) {
  waits = true
  must ||= always
  clearTimeout(timer)
  timer = setTimeout(look, must ? 0 : Math.max(0, drawnAt + APART - performance.now()))
}

const held = () => !must && touched() && !document.hidden

async function look() {
  if (held()) return
  waits = false
  drawnAt = performance.now()
  const fresh = (await part("/desk/team/floor"))?.getElementById("floor")
  if (!fresh || held()) { waits = true; return }
  must = false
  const within = at("floor").contains(document.activeElement)
  at("floor").replaceWith(fresh)
  if (within) (fresh.querySelector(".floor-list a") ?? at("main")).focus({ preventScroll: true })
  listen()
  tick(fresh)
}

function listen() {
  at("floor").addEventListener("pointerleave", () => { if (waits) draw() })
  at("floor").addEventListener("focusout", () => setTimeout(() => { if (waits) draw() }, 0))
}

async function take(button) {
  const number = button.closest("li").dataset.case
  const { floor, to, back, holder } = button.dataset
  button.setAttribute("aria-busy", "true")
  const { ok, data } = floor === "claim"
    ? await call("POST", `cases/${number}/claim`, null, { key: newKey() })
    : await call("POST", `cases/${number}/assign`, { to }, { key: newKey() })
  button.removeAttribute("aria-busy")
  if (!ok) toast(data.error.message)
  else if (floor === "claim") toast(`${number} is yours.`, { undo: () => give(number, "release", null) })
  else toast(`${number} is yours; ${holder} had it.`, back ? { undo: () => give(number, "assign", { to: back }) } : {})
  draw({ always: true })
}

async function give(number, act, body) {
  const { ok, data } = await call("POST", `cases/${number}/${act}`, body, { key: newKey() })
  if (!ok) toast(data.error.message)
  draw({ always: true })
}

document.addEventListener("click", event => {
  const button = event.target.closest("[data-floor]")
  if (button) take(button)
})

listen()
on("cases", () => draw())
on("gap", () => draw())
setInterval(() => { if (!document.hidden) draw() }, DRAW_EVERY)
