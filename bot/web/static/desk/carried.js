// What one page has to say on the next: a case is resolved here, and said to be there, with a way to take it back.

import { call } from "./api.js"
import { alert, toast } from "./say.js"

const NAME = "warmline.said"
const FRESH = 10_000

/** Say this on the page that comes next; with a case's number, [Undo] opens that case again. */
export function carry(words, reopens = null) {
  try {
    sessionStorage.setItem(NAME, JSON.stringify({ words, reopens, at: Date.now() }))
  } catch { /* then it is not said */ }
}

async function reopen(number) {
  const answer = await call("POST", `cases/${number}/reopen`)
  if (answer.ok) location.href = `/desk/cases/${number}`
  else alert(answer.data.error.message)
}

try {
  const said = JSON.parse(sessionStorage.getItem(NAME))
  sessionStorage.removeItem(NAME)
  if (said && Date.now() - said.at < FRESH) toast(said.words, { undo: said.reopens ? () => reopen(said.reopens) : null })
} catch { /* nothing was said */ }
