// Write to a customer first: any form of the class `begin`, on whichever page it stands.

import { call, newKey } from "./api.js"

let key = newKey()
let last = ""

document.addEventListener("submit", async event => {
  const form = event.target
  if (!form.matches(".begin")) return
  event.preventDefault()
  const wrong = form.querySelector(".wrong")
  const text = form.elements.text.value
  wrong.textContent = ""
  if (!text.trim()) { wrong.textContent = "Write what they should read."; form.elements.text.focus(); return }
  const body = { identity: Number(form.elements.identity.value), text }
  const same = JSON.stringify(body)
  if (same !== last) { key = newKey(); last = same } // the same words again are the same act
  event.submitter?.setAttribute("aria-busy", "true")
  const answer = await call("POST", `customers/${form.dataset.customer}/conversations`, body, { key })
  event.submitter?.removeAttribute("aria-busy")
  if (answer.ok) location.href = `/desk/cases/${answer.data.number}`
  else wrong.textContent = answer.data.error.message
})
