// Write to a customer first: any form of the class `begin`, on whichever page it stands.

import { call, newKey } from "./api.js"

let key = newKey()
let last = ""

document.addEventListener("submit", async event => {
  const form = event.target
  if (!form.matches(".begin")) return
  event.preventDefault()
  const wrong = form.querySelector(".wrong")
  const { text, ...more } = Object.fromEntries(new FormData(form))
  wrong.textContent = ""
  if (!text.trim()) { wrong.textContent = "Write what they should read."; form.elements.text.focus(); return }
  const [path, body] = form.dataset.customer
    ? [`customers/${form.dataset.customer}/conversations`, { identity: Number(more.identity), text }]
    : ["conversations", { ...more, text }]
  const same = JSON.stringify([path, body])
  if (same !== last) { key = newKey(); last = same } // the same words again are the same act
  event.submitter?.setAttribute("aria-busy", "true")
  const answer = await call("POST", path, body, { key })
  event.submitter?.removeAttribute("aria-busy")
  if (answer.ok) location.href = `/desk/cases/${answer.data.number}`
  else wrong.textContent = answer.data.error.message
})
