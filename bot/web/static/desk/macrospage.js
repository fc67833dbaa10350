// Saved replies: searched, written, changed, put away with a way back.

import { call, part } from "./api.js"
import { status, toast } from "./say.js"

const at = id => document.getElementById(id)
const form = at("macro-form")

function fault(text) {
  if (!form) return
  at("macro-fault").textContent = text ?? ""
  at("macro-fault").hidden = !text
}

async function draw() {
  const found = await part("/desk/macros/list")
  if (!found) return
  at("macro-all").replaceChildren(found)
  search()
  watch()
}

// What is longer than its place scrolls, by keys, too; what is not is no stop of the Tab key.
const places = new ResizeObserver(changed => {
  for (const { target } of changed) {
    if (target.scrollHeight > target.clientHeight) target.tabIndex = 0
    else target.removeAttribute("tabindex")
  }
})
function watch() {
  places.disconnect()
  for (const words of document.querySelectorAll("#macro-rows .words")) places.observe(words)
}
watch()

// --- search ------------------------------------------------------------------------------------

function search() {
  const rows = [...document.querySelectorAll("#macro-rows > li")]
  const wanted = at("macro-search").value.toLowerCase().split(/\s+/).filter(Boolean)
  for (const row of rows) row.hidden = !wanted.every(word => row.dataset.find.includes(word))
  const left = rows.filter(row => !row.hidden).length
  if (at("macro-none")) at("macro-none").hidden = left > 0
  if (wanted.length) status(`${left} of ${rows.length} saved replies`)
}
at("macro-search").addEventListener("input", search)

// --- write and change --------------------------------------------------------------------------

function show(macro) {
  fault()
  for (const name of ["id", "title", "body", "shortcut", "whose", "tier"]) form.elements[name].value = macro?.[name] ?? (name === "whose" ? "mine" : "")
  form.elements.seen.value = macro?.updated_at ?? ""
  at("write-h").textContent = macro ? `Change “${macro.title}”` : "Write a new one"
  at("macro-save").textContent = macro ? "Save the change" : "Save reply"
  at("macro-cancel").hidden = !macro
}

async function edit(id) {
  const { ok, data } = await call("GET", "macros")
  const macro = ok ? data.macros.find(one => one.id === id) : null
  if (!macro) { fault(ok ? "It is gone. Somebody has archived it." : data.error.message); draw(); return }
  show(macro)
  form.elements.title.focus()
  at("write-h").scrollIntoView({ block: "nearest" })
}

form?.addEventListener("submit", async event => {
  event.preventDefault()
  const button = at("macro-save")
  if (button.getAttribute("aria-busy") === "true") return
  button.setAttribute("aria-busy", "true")
  const { id, seen, tier, ...words } = Object.fromEntries(new FormData(form))
  const body = { ...words, tier: tier || null }
  const { ok, data } = id ? await call("PUT", `macros/${id}`, { ...body, seen }) : await call("POST", "macros", body)
  button.removeAttribute("aria-busy")
  if (!ok) { fault(data.error.message); return }
  show(null)
  await draw()
  at("write-h").focus()
  toast(id ? "Changed." : "Saved. / finds it in a reply.")
})
at("macro-cancel")?.addEventListener("click", () => { show(null); at("write-h").focus() })

async function archive(id, row) {
  const next = row.nextElementSibling?.id ?? row.previousElementSibling?.id
  const { ok, data } = await call("DELETE", `macros/${id}`)
  if (!ok) { fault(data.error.message); return }
  if (form.elements.id.value === String(id)) show(null)
  await draw()
  ;((next && at(next)?.querySelector("button")) ?? at("write-h")).focus()
  toast("Archived. It is kept.", { undo: async () => {
    await call("POST", `macros/${id}/bring-back`)
    await draw()
    at(`saved-${id}`)?.querySelector("button")?.focus()
  } })
}

document.addEventListener("click", event => {
  const button = event.target.closest("button")
  if (!button) return
  if (button.dataset.edit) edit(Number(button.dataset.edit))
  if (button.dataset.archive) archive(Number(button.dataset.archive), button.closest("li"))
  if (button.dataset.put) {
    const field = at("macro-body")
    field.setRangeText(button.dataset.put, field.selectionStart, field.selectionEnd, "end")
    field.focus()
  }
})
