// The acts of a case's whole life, beside those that case.js has itself.

import { call } from "./api.js"
import "./begin.js"
import { alert } from "./say.js"

const at = id => document.getElementById(id)

/** `act`, `done` and `news` are those of case.js. */
export function lifeActs({ act, done, news, number }) {
  return {
    async block(button) {
      const why = at("block-why")
      if (!await act("block", { why: why.value }, button)) return
      why.value = ""
      await done("Blocked. It can be undone on the card.", { undo: () => this.unblock() })
    },
    async unblock(button) {
      if (await act("unblock", null, button)) await done("They can write again.")
    },
    async merge(button) {
      const other = button.dataset.from
      const answer = await call("POST", `cases/${other}/merge`, { into: number })
      if (!answer.ok) { alert(answer.data.error.message); news(answer.data.error.message); return }
      const undo = async () => { if ((await call("POST", `cases/${other}/unmerge`)).ok) await done(`${other} stands by itself again.`) }
      await done(`${other} is a part of this case now.`, { undo })
    },
    async unmerge(button) {
      if (await act("unmerge", null, button)) await done(`${number} stands by itself again.`)
    },
    async transfer(button) {
      const { to, team, name } = button.dataset
      const note = at("transfer-note")
      const body = { ...(team ? { team: Number(team) } : { to }), note: note.value }
      if (!await act("transfer", body, button)) return
      note.value = ""
      await done(team ? `${number} waits for ${name} now.` : `${name} has ${number} now.`)
    },
  }
}
