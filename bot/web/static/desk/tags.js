// The tags on a case's card: put on with Enter, taken off with their buttons.

import { call } from "./api.js"

const at = id => document.getElementById(id)
let asked = null // how the tags begin that are offered; null: nobody has asked

/** Let the field offer the tags that there are; the next letters are asked for only where these were not all. */
async function offer(typed) {
  if (asked !== null && !(at("tags-known").dataset.more && typed !== asked)) return
  asked = typed
  const answer = await call("GET", `tags?q=${encodeURIComponent(typed)}`)
  const list = at("tags-known")
  if (!answer.ok || !list || typed !== asked) return
  list.dataset.more = answer.data.more ? "yes" : ""
  list.replaceChildren(...answer.data.tags.map(({ tag, open }) => new Option(open ? `${tag}, on ${open} open` : tag, tag)))
}

for (const kind of ["focusin", "input"]) document.addEventListener(kind, event => {
  if (event.target.id === "tag-new") offer(event.target.value.trim())
})

/** `act` and `done` are those of case.js. */
export function tagActs({ act, done }) {
  const field = () => ({ focus: at("tag-new") })
  document.addEventListener("submit", async event => {
    if (event.target.id !== "tagging") return
    event.preventDefault()
    event.target.querySelector(".wrong").textContent = ""
    const add = at("tag-new").value.split(",").map(tag => tag.trim()).filter(Boolean)
    if (!add.length || !await act("tags", { add }, event.submitter)) return
    at("tag-new").value = ""
    asked = null
    await done("", field())
  })
  return {
    async untag(button) {
      const { tag } = button.dataset
      const undo = async () => { if (await act("tags", { add: [tag] })) await done("", field()) }
      if (await act("tags", { remove: [tag] }, button)) await done(`The tag ${tag} is off.`, { ...field(), undo })
    },
  }
}
