// The gate's page: label one message after another, by keys or by a thumb, and see what it buys.

import { call, part } from "./api.js"
import { bind } from "./keys.js"
import { on } from "./live.js"
import { status as say, toast, upper } from "./say.js"

const at = id => document.getElementById(id)
const KINDS = ["outage", "billing", "problem", "person", "howto", "feedback", "unknown"]
const NAMES = { howto: "how-to", person: "a call for a person", unknown: "unknown" }

let last = null // the message that was labelled or skipped last, here
let done = "" // what was done with it: said beside the button that takes it back, for a toast would cover the next
let busy = false

const id = () => at("asks-h")?.dataset.id

function fault(text) {
  const said = at("asks-fault")
  if (!said) return
  said.textContent = text ?? ""
  said.hidden = !text
}

/** Draw it all again; `wanted` is the message to show, `focus` what then has the focus. */
async function draw({ wanted = "", focus = null } = {}) {
  const open = document.querySelector("#promise details")?.open
  const found = await part(`/desk/gate/now${wanted ? `?id=${wanted}` : ""}`)
  if (!found) return
  const typed = document.querySelector("#decide input")
  const writing = typed !== null && typed === document.activeElement
  at("gate-now").replaceWith(found.getElementById("gate-now"))
  if (open) document.querySelector("#promise details").open = true
  if (at("unlabel")) at("unlabel").hidden = last === null
  if (at("done")) at("done").textContent = last === null ? "" : done
  const field = document.querySelector("#decide input")
  if (typed && field) field.value = typed.value
  if (writing) field?.focus()
  else if (focus) at(focus)?.focus()
}

/** One act on the message at hand: never two at once, however fast the keys come. */
async function act(path, body, said) {
  const message = id()
  if (busy || !message) return
  busy = true
  fault()
  const { ok, status, data } = await call("POST", `labels/${message}${path}`, body)
  if (ok) [last, done] = [message, said]
  if (ok || status === 409 || status === 404) await draw({ focus: "asks-h" })
  busy = false
  if (ok) say(said)
  else if (status === 409) toast(data.error.message)
  else fault(data.error.message)
}

function label(tier, complaint) {
  if (tier === "feedback" && complaint === undefined) return ask(true)
  const name = complaint ? "a complaint" : complaint === false ? "praise or a suggestion" : NAMES[tier] ?? tier
  return act("", complaint === undefined ? { tier } : { tier, complaint }, `Labelled: ${name}.`)
}

/** Which feedback? Or back to the tiers. */
function ask(shown) {
  if (!at("kinds")) return
  at("kinds").hidden = shown
  at("kinds-feedback").hidden = !shown
  at(shown ? "kinds-feedback" : "kinds").querySelector(shown ? "button" : '[data-tier="feedback"]').focus()
}

const asking = () => at("kinds-feedback")?.hidden === false

async function undo() {
  if (busy || last === null) return
  busy = true
  const wanted = last
  const { ok, data } = await call("POST", `labels/${wanted}/undo`)
  if (ok) {
    last = null
    await draw({ wanted, focus: "asks-h" })
  } else fault(data.error.message)
  busy = false
}

async function decide(decision, why) {
  const { ok, data } = await call("POST", "gate", { decision, why })
  if (!ok) return toast(upper(data.error.message))
  if (why) document.getElementById("decide").reset()
  await draw({ focus: "promise-h" })
  toast({ reopen: "All labels count again.", hold: "The strict rule holds until somebody counts the labels again.", seen: "Good. The banner is gone." }[decision])
}

document.addEventListener("click", event => {
  const button = event.target.closest("button")
  if (!button) return
  if (button.dataset.tier) label(button.dataset.tier)
  if (button.dataset.complaint) label("feedback", button.dataset.complaint === "yes")
  if (button.dataset.back !== undefined) ask(false)
  if (button.id === "skip") act("/skip", null, "Skipped. It comes again after the others.")
  if (button.id === "unlabel") undo()
  if (button.id === "seen") decide("seen", "")
})

document.addEventListener("submit", event => {
  if (event.target.id !== "decide") return
  event.preventDefault()
  decide(event.submitter.value, event.target.elements.why.value)
})

addEventListener("keydown", event => {
  if (event.key === "Escape" && asking() && !document.querySelector("dialog[open]")) ask(false)
})

bind({
  ...Object.fromEntries(KINDS.map((tier, number) => [String(number + 1), [() => { if (!asking()) label(tier) }, upper(NAMES[tier] ?? tier)]])),
  p: [() => { if (asking()) label("feedback", false) }, "Feedback: praise or a suggestion"],
  c: [() => { if (asking()) label("feedback", true) }, "Feedback: a complaint or a rant"],
  s: [() => act("/skip", null, "Skipped. It comes again after the others."), "Not sure: skip"],
  u: [undo, "Undo the last label"],
}, { where: "Labelling" })

// Somebody else labels, too: the numbers come in where no hand and no focus is among them.
on("signal", signal => { if (signal.kind === "gate" && !busy && !asking() && !at("gate-now").contains(document.activeElement)) draw({ wanted: id() ?? "" }) })
on("gap", () => { if (!busy && !asking() && !at("gate-now").contains(document.activeElement)) draw({ wanted: id() ?? "" }) })
// The first message comes by itself.
on("cases", () => { if (!busy && !id() && !at("gate-now").contains(document.activeElement)) draw() })
