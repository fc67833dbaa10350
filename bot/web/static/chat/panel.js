/* The panel: fetched when the chat is opened, or when a conversation is under way. */

import { Talk } from "./talk.js";
import { View } from "./view.js";

/** Build the panel inside the element. */
export async function mount(host, base) {
  const css = await fetch(new URL("panel.css", import.meta.url)).then((response) => {
    if (!response.ok) throw new Error(`the style of the chat could not be fetched: ${response.status}`);
    return response.text();
  });
  host.style_(host.shadowRoot, css);
  const talk = new Talk(base, { name: host.dataset.name || "", email: host.dataset.email || "" });
  const view = new View(host, talk);
  talk.start();
  return view;
}
