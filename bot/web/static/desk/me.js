// One's own page: name, away, password, sessions.

import { act } from "./acting.js"
import { part } from "./api.js"
import "./frame.js"
import { toast } from "./say.js"

const at = id => document.getElementById(id)

async function places() {
  const found = await part("/desk/me/sessions")
  if (found) at("places").replaceChildren(found)
}

at("name-form").addEventListener("submit", async event => {
  event.preventDefault()
  const done = await act(event.submitter, "PUT", "me", { name: event.target.elements.name.value })
  if (done) toast(`You are ${done.name} from now on.`)
})

at("away-switch").addEventListener("change", async event => {
  const away = event.target.checked
  const done = await act(event.target, "PUT", "me", { away })
  if (!done) { event.target.checked = !away; return }
  at("away-since").hidden = !done.away
  at("away-since").textContent = done.away ? "Since just now." : ""
  toast(done.away ? "You are away. No work is given to you." : "You are back.")
})

at("password-form")?.addEventListener("submit", async event => {
  event.preventDefault()
  const form = event.target
  const done = await act(event.submitter, "PUT", "me/password", { old: form.elements.old.value, new: form.elements.new.value })
  if (!done) return
  form.reset()
  const ended = done.sessions_ended
  toast(ended ? `The password is changed; ${ended} other session${ended === 1 ? "" : "s"} ended.` : "The password is changed.")
  places()
})

document.addEventListener("click", async event => {
  const button = event.target.closest("button")
  if (!button) return
  const others = button.id === "end-others"
  if (!others && !button.dataset.end) return
  const done = await act(button, "DELETE", others ? "sessions" : `sessions/${button.dataset.end}`)
  await places()
  if (!done) return
  at("places-h").focus()
  toast(others ? "All others are ended." : "It is ended.")
})
