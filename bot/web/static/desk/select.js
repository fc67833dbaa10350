// Rows that are chosen, and what is done to all of them at once: for supervisors.

import { call, newKey } from "./api.js"
import { bind } from "./keys.js"
import { toast } from "./say.js"

const AT_MOST = 100
const DONE = { assign: "assigned", release: "back in the queue", snooze: "snoozed", resolve: "resolved" }

const at = id => document.getElementById(id)
const list = at("list")
const bar = at("bulk")
const chosen = new Set()
let last = null // the row that was chosen last: with Shift all between it and this one
let busy = false

const rows = () => [...list.querySelectorAll(".row")]
const box = row => row.querySelector(".sel input")

function choose(row, yes) {
  if (!box(row) || row.classList.contains("gone")) return
  if (yes && chosen.size >= AT_MOST) { box(row).checked = false; toast(`${AT_MOST} at once at most.`); return }
  yes ? chosen.add(row.dataset.case) : chosen.delete(row.dataset.case)
  last = row
  draw()
}

function draw() {
  for (const row of rows()) {
    const yes = chosen.has(row.dataset.case)
    row.classList.toggle("chosen", yes)
    if (box(row)) box(row).checked = yes
  }
  bar.hidden = chosen.size === 0
  at("bulk-n").textContent = String(chosen.size)
  list.classList.toggle("choosing", chosen.size > 0)
}

function clear() {
  chosen.clear()
  refused([])
  draw()
}

function refused(cases) {
  const shown = at("bulk-refused")
  shown.replaceChildren(...cases.map(({ number, message }) => {
    const line = document.createElement("li")
    const to = Object.assign(document.createElement("a"), { className: "link", href: `/desk/cases/${number}`, textContent: number })
    line.append(to, ` ${message}`)
    return line
  }))
  shown.hidden = !cases.length
}

/** Those that could be done leave the choice; the others stay chosen, with why. */
async function act(what, more) {
  if (busy || !chosen.size) return
  busy = true
  bar.setAttribute("aria-busy", "true")
  refused([])
  const { ok, data } = await call("POST", "cases/bulk", { act: what, cases: [...chosen], ...more }, { key: newKey() })
  busy = false
  bar.removeAttribute("aria-busy")
  if (!ok) { refused([{ number: "", message: data.error.message }]); return }
  for (const { number } of data.done) chosen.delete(number)
  refused(data.refused)
  draw()
  const not = data.refused.length ? ` ${data.refused.length} could not be; why stands in the bar.` : ""
  toast(`${data.done.length} ${DONE[what]}.${not}`)
  if (!chosen.size) list.focus({ preventScroll: true })
  dispatchEvent(new CustomEvent("queue:refresh"))
}

function until(name) {
  const moment = new Date()
  if (name === "tomorrow") { moment.setDate(moment.getDate() + 1); moment.setHours(9, 0, 0, 0) }
  else moment.setMinutes(moment.getMinutes() + Number(name))
  return moment.toISOString()
}

if (bar) {
  list.addEventListener("click", event => {
    const label = event.target.closest(".sel")
    if (!label || event.target.tagName === "LABEL") return // the label's click comes again as its box's
    const row = label.closest(".row")
    const yes = box(row).checked
    if (event.shiftKey && last?.isConnected && yes) {
      const all = rows()
      const [from, to] = [all.indexOf(last), all.indexOf(row)].sort((one, other) => one - other)
      for (const other of all.slice(from, to + 1)) choose(other, true)
    } else {
      choose(row, yes)
    }
    if (event.detail) row.querySelector(".go").focus({ preventScroll: true }) // keys go on where the pointer was
  })
  bar.addEventListener("click", event => {
    const button = event.target.closest("[data-bulk]")
    if (!button) return
    const menu = button.closest("details")
    if (menu) { menu.open = false; menu.querySelector("summary").focus() }
    const what = button.dataset.bulk
    if (what === "clear") { clear(); list.focus({ preventScroll: true }) }
    else if (what === "assign") act(what, { to: button.dataset.to })
    else if (what === "snooze") act(what, { until: until(button.dataset.until) })
    else if (what === "resolve") act(what, { outcome: button.dataset.outcome || null })
    else act(what, {})
  })
  addEventListener("keydown", event => {
    if (event.key === "Escape" && chosen.size && !document.querySelector("details.menu[open], dialog[open]")) clear()
  })
  addEventListener("queue:rows", () => {
    const shown = new Set(rows().map(row => row.dataset.case))
    for (const number of chosen) if (!shown.has(number)) chosen.delete(number)
    draw()
  })
  bind({
    x: [() => {
      const row = document.activeElement?.closest?.("#list .row")
      if (row) choose(row, !chosen.has(row.dataset.case))
    }, "Select the case, to act on several"],
  }, { where: "In the list" })
}
