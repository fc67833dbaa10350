// People: links, roles, teams, who may come in, and where they are signed in.

import { act } from "./acting.js"
import { part } from "./api.js"
import "./assignment.js"
import "./frame.js"
import { toast } from "./say.js"

const at = id => document.getElementById(id)

/** What an act has changed: the lists of the page of all, or the whole page of one. */
async function draw(heading) {
  const now = at("now")
  if (!now) { location.reload(); return }
  const found = await part("/desk/people/now")
  if (found) now.replaceChildren(found)
  if (heading) at(heading)?.focus()
}

async function invite(button, { name, email, role }) {
  const made = await act(button, "POST", "agents/invites", { name, email, role })
  if (!made) return false
  at("made-for").textContent = `${name}, ${role}.`
  at("made-link").value = made.link
  at("made-until").textContent = new Date(made.expires_at).toLocaleString([], { weekday: "short", hour: "2-digit", minute: "2-digit" })
  at("made").hidden = false
  at("made").focus()
  at("made").scrollIntoView({ block: "nearest" })
  if (at("now")) await draw()
  return true
}

at("invite")?.addEventListener("submit", async event => {
  event.preventDefault()
  const form = event.target
  if (await invite(event.submitter, Object.fromEntries(new FormData(form)))) form.reset()
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

at("person")?.addEventListener("submit", async event => {
  event.preventDefault()
  const form = event.target
  const data = new FormData(form)
  const languages = data.get("languages").split(/[\s,;]+/).filter(Boolean).map(code => code.toLowerCase())
  const tags = data.get("tags").split(",").map(tag => tag.trim()).filter(Boolean)
  const body = {
    name: data.get("name"), role: data.get("role"),
    capacity: data.get("capacity") ? Number(data.get("capacity")) : null,
    skills: { tiers: data.getAll("tiers"), channels: data.getAll("channels"), languages, tags },
  }
  if (form.querySelector("[name=teams]")) body.teams = data.getAll("teams").map(Number)
  const done = await act(event.submitter, "PUT", `agents/${form.dataset.id}`, body)
  if (done) toast(`${done.name} is saved.`)
})

at("team-new")?.addEventListener("submit", async event => {
  event.preventDefault()
  const form = event.target
  const done = await act(event.submitter, "POST", "teams", { name: form.elements.name.value })
  if (!done) return
  form.reset()
  await draw()
  toast(`${done.name} is a team now. Who is in it is set with each person.`)
})

document.addEventListener("submit", async event => {
  const form = event.target
  if (!form.dataset.team) return
  event.preventDefault()
  const done = await act(event.submitter, "PUT", `teams/${form.dataset.team}`, { name: form.elements.name.value })
  if (!done) return
  await draw("teams-h")
  toast(`It is called ${done.name} now.`)
})

const ACTS = {
  withdraw: async (button, id) => {
    if (await act(button, "DELETE", `agents/invites/${id}`)) toast("The link opens nothing any more.")
    await draw("open-h")
  },
  remove: async (button, id) => {
    if (!await act(button, "DELETE", `teams/${id}`)) return
    await draw("teams-h")
    toast("The team is removed. Its people stay.")
  },
  lock: async (button, id) => { if (await act(button, "POST", `agents/${id}/deactivate`)) await draw() },
  unlock: async (button, id) => { if (await act(button, "POST", `agents/${id}/activate`)) await draw() },
  end: async (button, id) => { if (await act(button, "DELETE", `sessions/${id}`)) await draw() },
  endAll: async (button, id) => { if (await act(button, "DELETE", `agents/${id}/sessions`)) await draw() },
}

document.addEventListener("click", async event => {
  const button = event.target.closest("button")
  if (!button) return
  if (button.dataset.invite !== undefined) await invite(button, button.dataset)
  for (const [name, does] of Object.entries(ACTS)) if (button.dataset[name]) await does(button, button.dataset[name])
})
