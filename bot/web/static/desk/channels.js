// The channels' page: cards that stay true, lists that do not move under a hand, a test message with an honest answer.

import { call, part } from "./api.js"
import { on } from "./live.js"
import { children } from "./morph.js"
import { toast, upper } from "./say.js"

const at = id => document.getElementById(id)
const DRAW_EVERY = 15_000
const SOON = 1_500

let timer = 0
let drawnAt = -1e9

function fault(text) {
  const said = at("lists-fault")
  said.textContent = text ?? ""
  said.hidden = !text
  if (text) said.scrollIntoView({ block: "nearest" })
}

/** The cards always; the lists unless a hand or the focus is in them. */
async function draw({ always = false } = {}) {
  drawnAt = performance.now()
  const found = await part(`/desk/channels/now${location.search}`)
  if (!found) return
  children(at("links"), found.getElementById("links"))
  const lists = at("lists")
  if (always || !(lists.matches(":hover") || lists.contains(document.activeElement))) children(lists, found.getElementById("lists"))
}

/** Soon, and not for each of many pieces of news. */
function later() {
  clearTimeout(timer)
  timer = setTimeout(draw, Math.max(0, drawnAt + SOON - performance.now()))
}

/** After an act on a row: where the focus goes when the row is gone. */
async function gone(row, heading) {
  const next = row.nextElementSibling?.id ?? row.previousElementSibling?.id
  await draw({ always: true })
  const button = next ? document.querySelector(`#${next} button`) : null
  ;(button ?? at(heading)).focus()
}

async function act(button, path, said, more = {}) {
  if (button.getAttribute("aria-busy") === "true") return
  button.setAttribute("aria-busy", "true")
  fault()
  const { ok, data } = await call("POST", path)
  button.removeAttribute("aria-busy")
  if (!ok) return fault(data.error.message)
  const row = button.closest("li")
  const words = said(data)
  if (words.fault) { await draw({ always: true }); return fault(words.fault) }
  await gone(row, row.id.startsWith("letter") ? "dead" : "unread")
  toast(words.done, more)
}

document.addEventListener("click", event => {
  const button = event.target.closest("button")
  if (!button) return
  const { again, retry, aside } = button.dataset
  if (again) act(button, `undelivered/${again}/send-again`, () => ({ done: "It is on its way again." }))
  if (retry) {
    act(button, `quarantine/${retry}/retry`, data => data.released
      ? { done: "It could be read, and is with the others now." }
      : { fault: `Number ${retry} stays here: ${data.why}` })
  }
  if (aside) {
    const undo = async () => { await call("POST", `quarantine/${aside}/bring-back`); draw({ always: true }) }
    act(button, `quarantine/${aside}/set-aside`, () => ({ done: `Number ${aside} is set aside. It is kept.` }), { undo })
  }
})

const ENDS = {
  sent: ({ said }) => `Sent. The platform calls it ${said}.`,
  refused: ({ said }) => `Not sent. ${said}`,
  unclear: ({ said }) => `Nobody can tell whether it arrived: ${said} Look there before you send another.`,
}

at("test")?.addEventListener("submit", async event => {
  event.preventDefault()
  const form = event.target
  const button = form.querySelector("button")
  const told = at("test-told")
  if (button.getAttribute("aria-busy") === "true") return
  button.setAttribute("aria-busy", "true")
  told.hidden = false
  told.className = "told"
  told.textContent = "Sending. The platform has ten seconds to answer."
  const { channel, account } = form.elements.to.selectedOptions[0].dataset
  const { ok, data } = await call("POST", "channels/test", {
    channel, account, place: form.elements.place.value.trim(), text: form.elements.text.value,
  })
  button.removeAttribute("aria-busy")
  const status = ok ? data.status : "refused"
  told.className = `told ${status}`
  told.textContent = ok ? (ENDS[status] ?? (() => "It is being sent; look again in a moment."))(data) : upper(data.error.message)
  later()
})

on("signal", signal => { if (signal.kind === "channels") later() })
on("cases", later)
on("gap", () => draw())
setInterval(() => { if (!document.hidden) draw() }, DRAW_EVERY)
