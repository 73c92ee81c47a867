// The supervision tree as a treegrid: rows that open, keys that walk them.

import { now } from "./api.ts";
import type { Actor } from "./contract.ts";
import { h, say } from "./dom.ts";
import { age, count } from "./format.ts";
import type { Outline, Spot } from "./outline.ts";
import { dot, lastPart, nameOf, tint } from "./parts.ts";
import { actorLink } from "./route.ts";
import { Rows } from "./rows.ts";

interface Row {
	element: HTMLElement;
	name: HTMLElement;
	turn: HTMLElement;
	dot: HTMLElement;
	text: HTMLElement;
	extra: HTMLElement;
	kind: HTMLElement;
	children: HTMLElement;
	bar: HTMLElement;
	depth: HTMLElement;
	restarts: HTMLElement;
	started: HTMLElement;
}

const rowHeight = 28;
const indent = 18;

export const columns = ["Actor", "Kind", "Children", "Mailbox", "Restarts", "Alive for"];

let ids = 0;

function make(): Row {
	const cell = (name: string, ...children: Node[]) => h("div", { class: `cell ${name}`, role: "gridcell" }, ...children);
	const turn = h("span", { class: "turn", "aria-hidden": "true" }), mark = dot("group");
	const text = h("span", { class: "name" }), extra = h("span", { class: "extra" });
	const name = cell("actor", turn, mark, text, extra);
	const bar = h("span", { class: "depth-bar", "aria-hidden": "true" }), depth = h("span");
	const kind = cell("kind"), children = cell("number children"), restarts = cell("number restarts"), started = cell("number started");
	const element = h("div", { class: "row", role: "row", id: `row-${ids++}` }, name, kind, children, cell("number mailbox", bar, depth), restarts, started);
	return { element, name, turn, dot: mark, text, extra, kind, children, bar, depth, restarts, started };
}

// TreeRows shows an outline. moved is told of the actor in the row where somebody is.
export class TreeRows {
	readonly rows: Rows<Row>;
	private at = 0; // the row where somebody is
	private id = ""; // of its actor; rows come and go above it
	depths = new Map<string, number>(); // fresher than the rows

	constructor(private outline: Outline, private readonly flat: () => boolean, private readonly moved: (actor: Actor | undefined) => void) {
		this.rows = new Rows<Row>(
			{ height: rowHeight, make, element: (row) => row.element, draw: (row, index) => this.draw(row, index) },
			{ role: "treegrid", tabindex: "0", "aria-label": "Supervision tree", "aria-colcount": String(columns.length) },
		);
		const { viewport } = this.rows;
		viewport.addEventListener("keydown", (event) => this.key(event));
		viewport.addEventListener("click", (event) => this.click(event));
		viewport.addEventListener("dblclick", () => this.enter());
		viewport.addEventListener("scroll", () => this.need(), { passive: true });
	}

	use(outline: Outline): void {
		this.outline = outline;
		this.at = 0;
		this.id = "";
		this.rows.viewport.scrollTop = 0;
		this.refresh();
	}

	selected(): string {
		return this.id;
	}

	// select goes to an actor that is to be seen, as soon as it is.
	select(id: string): boolean {
		const row = this.outline.rowOf(id);
		if (row >= 0) this.go(row);
		return row >= 0;
	}

	// refresh takes over what the outline has become.
	refresh(): void {
		if (this.id) {
			const row = this.outline.rowOf(this.id);
			if (row >= 0) this.at = row;
		}
		this.at = Math.max(0, Math.min(this.at, this.outline.size() - 1));
		this.rows.setCount(this.outline.size());
		this.rows.viewport.setAttribute("aria-rowcount", String(this.outline.size()));
		this.need();
	}

	need(): void {
		this.outline.need(...this.rows.seen());
	}

	close(): void {
		this.rows.close();
	}

	private go(row: number): void {
		const size = this.outline.size();
		if (size === 0) return;
		this.at = Math.max(0, Math.min(size - 1, row));
		const { actor } = this.outline.at(this.at);
		this.id = actor?.id ?? "";
		this.rows.reveal(this.at);
		this.rows.drawNow();
		this.moved(actor);
	}

	private toggle(row: number): void {
		const spot = this.outline.at(row);
		if (this.flat()) return;
		if (this.outline.isOpen(spot)) this.outline.collapse(spot);
		else this.outline.expand(spot);
	}

	private enter(): void {
		const { actor } = this.outline.at(this.at);
		if (actor && actor.kind !== "group") location.hash = actorLink(actor.id);
	}

	private click(event: MouseEvent): void {
		const element = (event.target as Element).closest<HTMLElement>(".row");
		if (!element) return;
		const row = Number(element.dataset.row);
		this.go(row);
		if ((event.target as Element).closest(".turn")) this.toggle(row);
	}

	private key(event: KeyboardEvent): void {
		if (event.ctrlKey || event.metaKey || event.altKey) return;
		const spot = this.outline.at(this.at);
		const steps: Record<string, () => void> = {
			ArrowDown: () => this.go(this.at + 1),
			ArrowUp: () => this.go(this.at - 1),
			PageDown: () => this.go(this.at + this.rows.page()),
			PageUp: () => this.go(this.at - this.rows.page()),
			Home: () => this.go(0),
			End: () => this.go(this.outline.size() - 1),
			ArrowRight: () => this.inward(spot),
			ArrowLeft: () => this.outward(spot),
			Enter: () => this.enter(),
			" ": () => this.toggle(this.at),
		};
		const step = steps[event.key];
		if (!step || this.outline.size() === 0) return;
		event.preventDefault();
		event.stopPropagation();
		step();
	}

	private inward(spot: Spot): void {
		if (this.flat() || !spot.actor?.children) return;
		if (!this.outline.isOpen(spot)) this.outline.expand(spot);
		else this.go(this.at + 1);
	}

	private outward(spot: Spot): void {
		if (this.outline.isOpen(spot)) this.outline.collapse(spot);
		else if (spot.branch.parent) this.go(this.outline.rowOf(spot.branch.id));
	}

	private draw(row: Row, index: number): void {
		if (index >= this.outline.size()) return;
		const spot = this.outline.at(index);
		const { element } = row;
		element.dataset.row = String(index);
		element.setAttribute("aria-rowindex", String(index + 1));
		element.setAttribute("aria-level", String(spot.branch.level));
		element.setAttribute("aria-posinset", String(spot.index + 1));
		element.setAttribute("aria-setsize", String(spot.branch.total));
		element.setAttribute("aria-selected", String(index === this.at));
		const { viewport } = this.rows;
		if (index === this.at) viewport.setAttribute("aria-activedescendant", element.id);
		else if (viewport.getAttribute("aria-activedescendant") === element.id) viewport.removeAttribute("aria-activedescendant"); // its row is not on the screen
		row.name.style.paddingInlineStart = `${(spot.branch.level - 1) * indent}px`;
		if (spot.actor) this.drawActor(row, spot, spot.actor);
		else blank(row);
	}

	private drawActor(row: Row, spot: Spot, actor: Actor): void {
		const depth = this.depths.get(actor.id) ?? actor.depth;
		const open = this.outline.isOpen(spot), opens = actor.children > 0 && !this.flat();
		row.element.dataset.id = actor.id;
		row.element.classList.remove("blank");
		if (opens) row.element.setAttribute("aria-expanded", String(open));
		else row.element.removeAttribute("aria-expanded");
		row.turn.dataset.turn = opens ? (open ? "open" : "closed") : "none";
		tint(row.dot, actor.kind);
		say(row.text, actor.kind === "group" ? "connections" : nameOf(actor));
		say(row.extra, this.flat() ? actor.parent : actor.label && actor.label !== lastPart(actor.id) ? lastPart(actor.id) : "");
		say(row.kind, actor.kind === "group" ? "sessions" : actor.kind);
		say(row.children, actor.children ? count(actor.children) : "");
		say(row.depth, actor.kind === "group" ? "" : count(depth));
		row.bar.style.transform = `scaleX(${depth > 0 ? Math.min(1, 0.08 + Math.log10(depth + 1) / 3) : 0})`;
		row.depth.classList.toggle("zero", depth === 0);
		say(row.restarts, actor.restarts ? count(actor.restarts) : "");
		say(row.started, actor.started > 0 ? age(now() - actor.started) : "");
	}
}

function blank(row: Row): void {
	row.element.classList.add("blank");
	row.element.removeAttribute("aria-expanded");
	row.element.dataset.id = "";
	row.turn.dataset.turn = "none";
	tint(row.dot, "group");
	row.bar.style.transform = "scaleX(0)";
	for (const text of [row.extra, row.kind, row.children, row.depth, row.restarts, row.started]) say(text, "");
	say(row.text, "…");
}
