// A reply that waits before it leaves: how long still, and taking it back. It leaves whether this page is open or not.

import { call } from "./api.js"
import { now } from "./clock.js"
import { news } from "./news.js"

const EVERY = 500
const box = document.getElementById("held")
const log = document.getElementById("log")

let timer = 0
let asking = false
let restored = () => {}
let look = async () => {}

const item = () => box.querySelector("[data-hold]")

/** Whether something can be taken back now. */
export const waits = () => item() !== null

/** Keep it at the end of the conversation, and say how long it waits still. */
export function show() {
  if (log.lastElementChild !== box) log.append(box)
  clearInterval(timer)
  if (!waits()) return
  tick()
  timer = setInterval(tick, EVERY)
}

function tick() {
  const held = item()
  if (!held) { clearInterval(timer); return }
  const left = Math.floor((Date.parse(held.dataset.leaves) - now()) / 1000)
  const words = left > 0 ? `Leaves in ${left} s` : "Leaves now"
  const shown = held.querySelector(".leaves")
  if (shown.textContent !== words) shown.textContent = words
}

/** Take it back: its words are in the field again. False: there is nothing to take back. */
export function undo() {
  const held = item()
  if (!held || asking) return held !== null
  take(held)
  return true
}

async function take(held) {
  asking = true
  held.setAttribute("aria-busy", "true")
  const answer = await call("POST", `holds/${held.dataset.hold}/undo`)
  asking = false
  held.removeAttribute("aria-busy")
  if (answer.ok) {
    held.remove()
    restored(answer.data)
  } else news(answer.data.error.message)
  await look()
}

/** `onRestore({text, also, files, version})` has the words; `onLook()` asks what is new. */
export function start(onRestore, onLook) {
  restored = onRestore
  look = onLook
  show()
}
