// The team: links for people, who may come in, the status line.

import { call, part } from "./api.js"
import { tick } from "./clock.js"
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

/** Draw the table again, unless a hand or the focus is in it. */
async function draw({ always = false } = {}) {
  const box = at("team")
  if (!always && (box.matches(":hover") || box.contains(document.activeElement))) return
  const found = await part("/desk/team/table")
  if (found) {
    box.replaceChildren(found)
    tick(box)
  }
}

async function invite({ name, email, role }) {
  fault()
  const { ok, data } = await call("POST", "agents/invites", { name, email, role })
  if (!ok) return fault(data.error.message)
  at("made-for").textContent = `${name}, ${role}.`
  at("made-link").value = data.link
  at("made-until").textContent = new Date(data.expires_at).toLocaleString([], { weekday: "short", hour: "2-digit", minute: "2-digit" })
  at("made").hidden = false
  at("made").focus()
  at("made").scrollIntoView({ block: "nearest" })
  draw({ always: true })
}

document.addEventListener("click", async event => {
  const button = event.target.closest("button")
  if (!button) return
  if (button.dataset.invite !== undefined) await invite(button.dataset)
  for (const [way, id] of [["deactivate", button.dataset.lock], ["activate", button.dataset.unlock]]) {
    if (!id) continue
    const { ok, data } = await call("POST", `agents/${id}/${way}`)
    if (!ok) { fault(data.error.message); continue }
    fault()
    await draw({ always: true })
    at("team").querySelector(`[data-lock="${id}"], [data-unlock="${id}"]`)?.focus()
    toast(way === "activate" ? "They may sign in again; their tokens stay ended." : "Locked out on every device.",
      way === "activate" ? {} : { undo: async () => { await call("POST", `agents/${id}/activate`); draw({ always: true }) } })
  }
})

at("invite")?.addEventListener("submit", event => {
  event.preventDefault()
  const form = event.target
  invite(Object.fromEntries(new FormData(form))).then(() => { if (!at("made").hidden) form.reset() })
})

at("made-copy")?.addEventListener("click", async () => {
  const link = at("made-link")
  try {
    await navigator.clipboard.writeText(link.value)
    toast("The link is copied.")
  } catch {
    link.select()
    toast("The link is selected. Copy it with your keyboard.")
  }
})

at("status-form")?.addEventListener("submit", async event => {
  event.preventDefault()
  const said = Object.fromEntries(new FormData(event.target))
  const { ok, data } = await call("PUT", "status", said)
  fault(ok ? null : data.error.message)
  if (ok) toast("Customers read this within seconds.")
})

on("cases", () => draw())
on("gap", () => draw())
setInterval(() => { if (!document.hidden) draw() }, DRAW_EVERY)
