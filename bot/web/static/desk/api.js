// Acts, by the agents' API. One act of a person is one key: however often it is sent, it happens once.

import { alert } from "./say.js"

const TRIES = [0, 400, 1500]
const pause = ms => new Promise(done => setTimeout(done, ms))
const NOT_REACHED = "The desk cannot be reached. What you wrote is safe; try again in a moment."

let leaving = false

/** A key for one act of a person. Keep it to repeat the same act. */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), byte => byte.toString(16).padStart(2, "0")).join("")
}

/**
 * Call /api/v1. Never throws: `{ok, status, data}`, with a sentence in `data.error.message` where it is not ok.
 * Status 0: nobody answered. A post is sent again by itself, with the same key.
 */
export async function call(method, path, body, { key } = {}) {
  const post = method !== "GET"
  const headers = { Accept: "application/json" }
  if (post) headers["Idempotency-Key"] = key ?? newKey()
  if (body !== undefined && body !== null) headers["Content-Type"] = "application/json"
  let answer = { ok: false, status: 0, data: { error: { code: "not_reached", message: NOT_REACHED } } }
  for (const wait of TRIES) {
    if (wait) await pause(wait)
    try {
      const response = await fetch(`/api/v1/${path.replace(/^\//, "")}`, {
        method, headers, body: headers["Content-Type"] ? JSON.stringify(body) : undefined, credentials: "same-origin",
      })
      const whole = response.status === 204 ? {} : await response.json().catch((fault) => { if (response.ok) throw fault; return {} })
      answer = { ok: response.ok, status: response.status, data: whole }
      if (response.ok || response.status < 502) break
    } catch { /* nobody answered: once more */ }
  }
  if (!answer.ok && !answer.data.error) answer.data.error = { code: "failed", message: NOT_REACHED }
  if (answer.status === 401) signedOut()
  return answer
}

/** A part of a page, or null if there is none to be had now. */
export async function part(path) {
  try {
    const response = await fetch(path, { credentials: "same-origin", headers: { Accept: "text/html" } })
    if (response.headers.get("X-Signed-Out")) signedOut()
    if (!response.ok) return null
    const holder = document.createElement("template")
    holder.innerHTML = await response.text()
    return holder.content
  } catch {
    return null
  }
}

/** Tell the desk something of which nothing depends on the answer. */
export async function tell(path, body) {
  try {
    const response = await fetch(path, {
      method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body ?? {}),
    })
    if (response.headers.get("X-Signed-Out")) signedOut()
    return response.ok
  } catch {
    return false
  }
}

/** Say so, let pages keep their drafts (they listen to `desk:leaving`), and go to the door. */
export function signedOut() {
  if (leaving) return
  leaving = true
  dispatchEvent(new CustomEvent("desk:leaving"))
  alert("You are signed out. Your drafts are kept.")
  const box = document.getElementById("away")
  document.getElementById("away-words").textContent = "You are signed out. Your drafts are kept; sign in again."
  box.hidden = false
  setTimeout(() => { location.href = `/desk/sign-in?next=${encodeURIComponent(location.pathname + location.search)}` }, 1500)
}
