// In a note, @ offers colleagues and teams. Who was chosen and still stands in the words is called by it.

const field = document.getElementById("note")
const list = document.getElementById("mention-list")
const options = list ? [...list.children] : []
const ASKED = /(^|\s)@([^@\n]{0,30})$/u

let chosen = [] // {name, email} or {name, team}
let at = -1

const shown = () => options.filter(option => !option.hidden)

function shut() {
  if (list.hidden) return
  list.hidden = true
  at = -1
  field.removeAttribute("aria-activedescendant")
}

function point(to) {
  const few = shown()
  at = (to + few.length) % few.length
  for (const option of options) option.setAttribute("aria-selected", String(option === few[at]))
  field.setAttribute("aria-activedescendant", few[at].id)
  few[at].scrollIntoView({ block: "nearest" })
}

/** Offer who fits the words after the last @ before the caret. */
function offer() {
  const asked = ASKED.exec(field.value.slice(0, field.selectionStart))
  const wanted = asked?.[2].toLocaleLowerCase() ?? ""
  for (const option of options) {
    const name = option.dataset.name.toLocaleLowerCase()
    option.hidden = !(name.startsWith(wanted) || name.split(/\s+/).some(word => word.startsWith(wanted)))
  }
  if (!asked || !shown().length) { shut(); return }
  list.hidden = false
  point(0)
}

function choose(option) {
  const caret = field.selectionStart
  const from = field.value.lastIndexOf("@", caret - 1)
  const { name, email, team } = option.dataset
  field.setRangeText(`@${name} `, from, caret, "end")
  chosen.push(team ? { name, team: Number(team) } : { name, email })
  shut()
  field.focus()
  field.dispatchEvent(new Event("input"))
}

/** For the API: who is called by these words. */
export function mentioned(text) {
  const still = chosen.filter(each => text.includes(`@${each.name}`))
  const mentions = [...new Set(still.filter(each => each.email).map(each => each.email))]
  const teams = [...new Set(still.filter(each => each.team).map(each => each.team))]
  return { ...(mentions.length ? { mentions } : {}), ...(teams.length ? { teams } : {}) }
}

if (list) {
  field.addEventListener("input", offer)
  field.addEventListener("blur", shut)
  field.addEventListener("keydown", event => {
    if (list.hidden || event.isComposing) return
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step) point(at + step)
    else if ((event.key === "Enter" && !event.ctrlKey && !event.metaKey) || event.key === "Tab") choose(shown()[at])
    else if (event.key === "Escape") shut()
    else return
    event.preventDefault()
    event.stopImmediatePropagation()
  }, true)
  // Before the field loses the focus.
  list.addEventListener("pointerdown", event => {
    const option = event.target.closest("[role=option]")
    event.preventDefault()
    if (option) choose(option)
  })
}
