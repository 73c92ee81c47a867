// Small parts that several views show.

import type { Actor, Place } from "./contract.ts";
import { h, say, type Child } from "./dom.ts";
import { actorLink } from "./route.ts";
import { kindProperty } from "./theme.ts";

// dot is the colour of a kind.
export function dot(kind: string): HTMLElement {
	const element = h("span", { class: "dot", "aria-hidden": "true" });
	tint(element, kind);
	return element;
}

// tint gives an element the colour of a kind, as --tint.
export function tint(element: HTMLElement | SVGElement, kind: string): void {
	element.style.setProperty("--tint", `var(${kindProperty(kind)})`);
}

export function chip(kind: string): HTMLElement {
	return h("span", { class: "chip" }, dot(kind), kind);
}

// nameOf is what people call an actor.
export function nameOf(actor: Pick<Actor, "id" | "label">): string {
	return actor.label || lastPart(actor.id);
}

export function lastPart(id: string): string {
	const last = id.slice(id.lastIndexOf("/") + 1);
	try {
		return decodeURIComponent(last);
	} catch {
		return last;
	}
}

// actorAnchor leads to an actor.
export function actorAnchor(actor: Pick<Actor, "id" | "kind"> & { label?: string }, text?: string): HTMLElement {
	return h("a", { class: "actor-link", href: actorLink(actor.id), title: actor.id }, dot(actor.kind), text ?? nameOf({ id: actor.id, label: actor.label ?? "" }));
}

// placeLink says which line and function the code is, and copies the line for an editor.
// A page that comes from another machine without TLS may not copy: there it is selected.
export function placeLink(place: Place | null | undefined, announce: (text: string) => void): Child {
	if (!place?.file) return h("span", { class: "dim" }, "–");
	const at = `${place.file}:${place.line}`;
	const line = h("span", { class: "place-line" }, at);
	const select = () => {
		getSelection()?.selectAllChildren(line);
		announce(`${at} is selected: copy it with your keyboard`);
	};
	const copy = () => {
		if (!navigator.clipboard) select();
		else navigator.clipboard.writeText(at).then(() => announce(`Copied ${at}`), select);
	};
	const key = (event: Event) => {
		if (!["Enter", " "].includes((event as KeyboardEvent).key)) return;
		event.preventDefault();
		copy();
	};
	// No button: the text of one cannot be selected everywhere.
	return h("span", { class: "place", role: "button", tabindex: "0", title: "Copy the place, for an editor", onclick: copy, onkeydown: key }, line, " ", h("small", null, place.function));
}

// Tile is a figure with its name.
export class Tile {
	readonly element: HTMLElement;
	private readonly figure = h("dd", { class: "figure" }, "–");
	private readonly about = h("dd", { class: "about" });

	constructor(name: string) {
		this.element = h("div", { class: "tile" }, h("dt", null, name), this.figure, this.about);
	}

	show(figure: string, about = "", tone = ""): void {
		say(this.figure, figure);
		say(this.about, about);
		this.element.dataset.tone = tone;
	}
}

export function panel(title: Child, ...rest: Child[]): HTMLElement {
	return h("section", { class: "panel" }, h("h2", null, title), ...rest);
}
