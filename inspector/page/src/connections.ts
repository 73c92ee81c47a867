// Pick one of the connections that there are now: the server is asked when the list
// opens and whenever something is typed, so that thousands of them can be reached.

import { get, query, reason } from "./api.ts";
import type { Connection } from "./contract.ts";
import { h, say, set } from "./dom.ts";
import { count } from "./format.ts";
import { debounced } from "./view.ts";

const offered = 50; // at a time

let pickers = 0;

function label(c: Connection): string {
	return `${c.id} ${c.user || "(not logged in)"}`;
}

// ConnectionPicker is a field of a form, "conn". Where none has to be chosen, empty is any.
export class ConnectionPicker {
	readonly element: HTMLElement;
	readonly input: HTMLInputElement;
	private readonly hidden = h("input", { type: "hidden", name: "conn" });
	private readonly list: HTMLElement;
	private readonly said = h("p", { class: "picker-said", role: "status" });
	private readonly popup: HTMLElement;
	private found: Connection[] = [];
	private at = -1; // the offer that the keys are at
	private asked = 0; // the newest question; what answers an older one is of no use

	constructor(private readonly any: string, id: string, private readonly changed: () => void = () => undefined) {
		const list = `connections-${pickers++}`;
		this.list = h("ul", { id: list, role: "listbox", "aria-label": "Connections" });
		this.popup = h("div", { class: "picker-popup", hidden: true }, this.list, this.said);
		this.input = h("input", { type: "search", id, role: "combobox", "aria-expanded": "false", "aria-controls": list, "aria-autocomplete": "list", placeholder: any || "user or address", autocomplete: "off", spellcheck: "false", required: any === "" });
		this.element = h("div", { class: "picker" }, this.input, this.hidden, this.popup);
		const ask = debounced(150, () => void this.ask());
		this.input.addEventListener("input", () => {
			this.take("");
			this.open();
			ask();
		});
		this.input.addEventListener("focus", () => this.input.select());
		this.input.addEventListener("click", () => this.begin());
		this.input.addEventListener("keydown", (event) => this.key(event));
		this.element.addEventListener("focusout", (event) => {
			if (!this.element.contains(event.relatedTarget as Node | null)) this.close();
		});
		this.popup.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus
	}

	// value is the number of the connection, or "".
	get value(): string {
		return this.hidden.value;
	}

	// choose takes a connection by its number, which may have ended since.
	async choose(id: string): Promise<void> {
		this.input.value = id;
		this.take(id);
		if (id === "") return;
		try {
			const [c] = (await this.get(id)).filter((one) => String(one.id) === id);
			if (c && this.value === id) this.input.value = label(c);
		} catch (error) {
			say(this.said, reason(error));
		}
	}

	// settle makes a choice of what is typed, where only one can be meant. False: it is none.
	async settle(): Promise<boolean> {
		const text = this.input.value.trim();
		if (this.value !== "" || (text === "" && this.any !== "")) return true;
		try {
			this.found = text === "" ? [] : await this.get(text);
		} catch {
			return false;
		}
		const meant = this.found.filter((c) => String(c.id) === text || c.user === text);
		const one = meant.length === 1 ? meant[0] : this.found.length === 1 ? this.found[0] : undefined;
		if (one) this.pick(one);
		return one !== undefined;
	}

	private async get(text: string): Promise<Connection[]> {
		const { connections, total } = await get<{ total: number; connections: Connection[] | null }>(query("/api/connections", { search: text, limit: offered }));
		const all = connections ?? [];
		const none = text === "" ? "No connection is open." : "None fits.";
		say(this.said, total === 0 ? none : total > all.length ? `${count(all.length)} of ${count(total)}: type to find another` : `${count(total)} in all`);
		return all;
	}

	private begin(): void {
		if (!this.popup.hidden) return;
		this.open();
		void this.ask();
	}

	private open(): void {
		this.popup.hidden = false;
		this.input.setAttribute("aria-expanded", "true");
	}

	private close(): void {
		this.popup.hidden = true;
		this.input.setAttribute("aria-expanded", "false");
		this.input.removeAttribute("aria-activedescendant");
		this.at = -1;
	}

	// ask asks for what is typed; for all where that is a choice already.
	private async ask(): Promise<void> {
		const mine = ++this.asked;
		try {
			const found = await this.get(this.value === "" ? this.input.value.trim() : "");
			if (mine !== this.asked) return;
			this.found = found;
		} catch (error) {
			if (mine !== this.asked) return;
			this.found = [];
			say(this.said, reason(error));
		}
		this.draw();
	}

	private draw(): void {
		this.at = -1;
		const offers: HTMLElement[] = this.found.map((c) => this.offer(() => this.pick(c), String(c.id), label(c), h("small", null, `from ${c.from}`)));
		if (this.any !== "" && this.input.value.trim() === "") offers.unshift(this.offer(() => this.clear(), "", this.any));
		set(this.list, offers);
	}

	private offer(onclick: () => void, id: string, ...text: (string | Node)[]): HTMLElement {
		return h("li", { role: "option", id: `${this.list.id}-${id || "any"}`, "aria-selected": "false", onclick }, ...text);
	}

	private pick(c: Connection): void {
		this.input.value = label(c);
		this.take(String(c.id));
		this.close();
	}

	private clear(): void {
		this.input.value = "";
		this.take("");
		this.close();
	}

	private take(id: string): void {
		this.hidden.value = id;
		this.changed();
	}

	private key(event: KeyboardEvent): void {
		const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
		if (step) {
			event.preventDefault();
			if (this.popup.hidden) this.begin();
			else this.go(this.at + step);
		} else if (event.key === "Escape" && !this.popup.hidden) {
			event.preventDefault(); // which would empty the field
			event.stopPropagation();
			this.close();
		} else if (event.key === "Enter" && this.at >= 0) {
			event.preventDefault();
			(this.list.children[this.at] as HTMLElement).click();
		}
	}

	private go(to: number): void {
		const offers = [...this.list.children];
		if (offers.length === 0) return;
		this.at = Math.max(0, Math.min(offers.length - 1, to));
		offers.forEach((offer, i) => offer.setAttribute("aria-selected", String(i === this.at)));
		this.input.setAttribute("aria-activedescendant", offers[this.at]!.id);
		offers[this.at]!.scrollIntoView({ block: "nearest" });
	}
}
