// The keys, and the words that the page uses.

import { h } from "./dom.ts";

const everywhere: [string, string][] = [
	["1 – 6", "Tree, Actor, Follow, Flow, Feed, Fault lab"],
	["/", "search for an actor by name"],
	["t", "light, dark, or as the system says"],
	["?", "this help"],
	["Esc", "leave a field, close this"],
];

const tree: [string, string][] = [
	["↑ ↓", "the row before, the row after"],
	["→", "open a row, then go to its first child"],
	["←", "close a row, then go to its parent"],
	["Home End", "the first row, the last row"],
	["Enter", "look at this actor"],
];

const others: [string, string][] = [
	["r", "Actor: ask for its state again"],
	["f", "Follow: follow the next request"],
	["p", "Feed: stop and go on"],
];

const words: [string, string][] = [
	["mailbox", "Messages that were sent to an actor and wait for their turn. An actor handles one at a time."],
	["waited, handled", "How long messages were in the mailbox, and how long the handler took. p50: half took less. p99: 99 of 100 took less."],
	["busy", "The share of the time in which the actor was handling something. Near 100 % it is the bottleneck."],
	["restart", "The handler panicked; its supervisor made the actor anew, from the journal where it is durable."],
	["passivated", "Left memory because nobody used it. Its next message brings it back."],
	["batch, sync", "Events that are written together and made durable by one call to the disk (fdatasync)."],
];

function list(title: string, rows: [string, string][], keys: boolean): HTMLElement {
	return h("section", null, h("h3", null, title), h("dl", { class: keys ? "keys" : "words" }, rows.map(([key, text]) => [
		h("dt", null, keys ? key.split(" ").map((k) => (k === "–" ? " – " : h("kbd", null, k))) : key), h("dd", null, text)])));
}

export function showHelp(faultLab: boolean): void {
	const close = h("button", { class: "quiet", type: "button", "aria-label": "Close" }, "×");
	const dialog = h("dialog", { class: "help", "aria-labelledby": "help-title" },
		h("div", { class: "help-head" }, h("h2", { id: "help-title" }, "Keys and words"), close),
		h("div", { class: "help-body" },
			list("Everywhere", faultLab ? everywhere : [["1 – 5", "Tree, Actor, Follow, Flow, Feed"], ...everywhere.slice(1)], true),
			list("In the tree", tree, true), list("In other views", others, true), list("Words", words, false)));
	close.addEventListener("click", () => dialog.close());
	dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
	dialog.addEventListener("close", () => dialog.remove());
	document.body.append(dialog);
	dialog.showModal();
}
