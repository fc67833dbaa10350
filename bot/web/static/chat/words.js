/* Every word that the chat says by itself. What people and the bot say comes from the server. */

const clock = new Intl.DateTimeFormat("en", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const weekday = new Intl.DateTimeFormat("en", { weekday: "long" });
const date = new Intl.DateTimeFormat("en", { day: "numeric", month: "long", year: "numeric" });

export const time = (at) => clock.format(at);

/** "Today", "Yesterday", "Monday", "3 November 2026". */
export function day(at, now = new Date()) {
  const midnight = (moment) => new Date(moment).setHours(0, 0, 0, 0);
  const days = Math.round((midnight(now) - midnight(at)) / 86_400_000);
  if (days <= 0) return "Today";
  if (days === 1) return "Yesterday";
  return days < 7 ? weekday.format(at) : date.format(at);
}

/** "14:32" today, "Monday 09:00" later. */
export const moment = (at, now = new Date()) => (at.toDateString() === now.toDateString() ? time(at) : `${weekday.format(at)} ${time(at)}`);

export function left(at, now = new Date()) {
  const minutes = Math.ceil((at - now) / 60_000);
  if (minutes <= 0) return "";
  if (minutes < 100) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} days`;
}

export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${Math.round(bytes / 1e3)} kB` : `${Number((bytes / 1e6).toFixed(1))} MB`;
}

export const words = {
  chat: (company) => (company ? `Chat with ${company}` : "Chat"),
  close: "Close the chat",
  person: "Talk to a person",
  openNow: "We answer now",
  back: (opens) => `We are back ${opens}`,
  backFull: (opens) => `We are back ${opens}. Write now: what is urgent is read at any hour.`,
  messages: "Messages",
  hello: (company) => (company ? `Hello, this is ${company}.` : "Hello."),
  invite: "Ask in your own words. What we know is answered at once; everything else goes straight to a person.",
  starts: [
    { label: "Something is down", text: "Something is down: " },
    { label: "A question about a bill", text: "About my bill: " },
    { label: "How do I …?", text: "How do I " },
    { label: "Talk to a person", person: true },
  ],
  you: "You",
  bot: "Bot",
  notice: "Notice",
  team: "Team",
  handed: "Handed to people",
  field: "Your message",
  placeholder: "Write a message",
  send: "Send",
  attach: "Add files",
  remove: (name) => `Remove ${name}`,
  drop: "Drop files to add them",
  lettersLeft: (count) => (count >= 0 ? `${count} characters left` : `${-count} characters too many`),
  sending: "Sending",
  waiting: "Kept here; it is sent once we are connected",
  sent: "Sent",
  seen: "Seen",
  failed: "Not sent. Try again",
  discard: "Discard",
  keys: "Enter sends",
  typing: (author) => `${author || "Somebody"} is typing`,
  reads: (bot) => `${bot} is reading`,
  fresh: (count) => (count === 1 ? "1 new message" : `${count} new messages`),
  reconnecting: "Reconnecting",
  lost: (since) => `Not connected since ${since}. What you write is kept and sent.`,
  inLine: (place) => `number ${place} in line`,
  waits: "waiting for a person",
  has: (agent) => `${agent} has it`,
  answers: (agent) => `${agent} answers here`,
  by: (at) => `by ${at}`,
  minutesLeft: (text) => `${text} left`,
  resolved: "closed. Write here and it opens again",
  askEmail: "Leave an address and the answer also reaches you there.",
  email: "Your email address",
  save: "Save",
  notNow: "Not now",
  reach: (address) => `If you have left, the answer also goes to ${address}.`,
  change: "Change",
  thanks: "Thank you. That is all we needed.",
  tooMany: (most) => `${most} files go into one message. Send the others in the next.`,
  tooLarge: (name, most) => `${name} is over ${most}. Send a smaller one, or a link.`,
  tooMuch: (most) => `These files are over ${most} together. Send the others in the next message.`,
  fileGone: "The file is no longer here. Add it again.",
  picture: (name) => `Picture: ${name}`,
};
