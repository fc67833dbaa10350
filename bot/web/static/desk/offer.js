// The case that this person is asked to take, above the queue: taken or passed on with one press.

import { call, part } from "./api.js"
import { on } from "./live.js"
import { status, toast } from "./say.js"

const box = document.getElementById("offer")
const me = Number(document.body.dataset.agent)
const JUST_THERE = 400 // a press that was meant for what stood there before
let shown = ""
let thereSince = -1e9

async function draw() {
  const found = (await part("/desk/offer"))?.getElementById("offer-now")
  if (!found) return
  const offer = found.querySelector(".offer")
  const now = offer?.dataset.offer ?? ""
  if (now === shown) return
  shown = now
  const held = box.contains(document.activeElement)
  box.replaceChildren(found)
  thereSince = performance.now()
  if (held) box.querySelector("[data-take]")?.focus()
  if (offer) status(`Offered to you: ${offer.querySelector("[data-take]").dataset.case}.`)
}

box.addEventListener("click", async event => {
  const take = event.target.closest("[data-take]")
  const pass = event.target.closest("[data-pass]")
  const button = take ?? pass
  if (!button || button.getAttribute("aria-busy") || performance.now() - thereSince < JUST_THERE) return
  button.setAttribute("aria-busy", "true")
  const { ok, data } = take
    ? await call("POST", `offers/${take.dataset.take}/take`)
    : await call("POST", `offers/${pass.dataset.pass}/pass`)
  button.removeAttribute("aria-busy")
  if (ok && take) { location.href = `/desk/cases/${take.dataset.case}#case-h`; return }
  toast(ok ? "Passed on. Somebody else is asked." : data.error.message)
  draw()
})

if ("answers" in document.body.dataset) {
  draw()
  on("signal", signal => { if (signal.kind === "offer" && signal.agent === me) draw() })
  on("cases", () => { if (shown) draw() })
  on("gap", draw)
}
