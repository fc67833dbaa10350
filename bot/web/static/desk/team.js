// The team: who is here, the status line.

import { call, part } from "./api.js"
import { on } from "./live.js"
import { toast } from "./say.js"

const at = id => document.getElementById(id)
const DRAW_EVERY = 20_000

function fault(text) {
  const said = at("team-fault")
  said.textContent = text ?? ""
  said.hidden = !text
  if (text) said.scrollIntoView({ block: "nearest" })
}

/** Draw the table again, unless a hand is on it. */
async function draw() {
  const box = at("team")
  if (box.matches(":hover")) return
  const found = await part("/desk/team/table")
  if (found) box.replaceChildren(found)
}

at("status-form")?.addEventListener("submit", async event => {
  event.preventDefault()
  const said = Object.fromEntries(new FormData(event.target))
  const { ok, data } = await call("PUT", "status", said)
  fault(ok ? null : data.error.message)
  if (ok) toast("Customers read this within seconds.")
})

on("gap", () => draw())
setInterval(() => { if (!document.hidden) draw() }, DRAW_EVERY)
