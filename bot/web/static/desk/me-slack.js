// Who one is in the team's Slack: a code to be written there, and names that are taken back.

import { call, part } from "./api.js"
import { toast } from "./say.js"

const at = id => document.getElementById(id)

function fault(text) {
  const said = at("slack-fault")
  said.textContent = text ?? ""
  said.hidden = !text
}

async function draw() {
  const found = await part("/desk/me/slack/names")
  if (found) at("slack-names").replaceChildren(found)
}

async function code() {
  fault()
  const { ok, data } = await call("POST", "me/slack-code")
  if (!ok) return fault(data.error.message)
  at("slack-word").textContent = data.code
  at("slack-until").textContent = new Date(data.expires_at).toLocaleString([], { hour: "2-digit", minute: "2-digit" })
  at("slack-made").hidden = false
  at("slack-made").focus()
}

async function unlink(name) {
  fault()
  const { ok, data } = await call("POST", `me/slack/${name}/unlink`)
  if (!ok) return fault(data.error.message)
  await draw()
  at("slack-code").focus()
  toast("Nobody by that name is taken for you any more.")
}

at("me-slack")?.addEventListener("click", event => {
  const button = event.target.closest("button")
  if (button?.id === "slack-code") code()
  else if (button?.dataset.slackUnlink) unlink(button.dataset.slackUnlink)
})
