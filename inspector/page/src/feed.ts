// The Feed: crashes, restarts, refusals, slow readers, dead letters, as they happen.

import { h, notice, say, set } from "./dom.ts";
import { FeedList } from "./feedlist.ts";
import { what, whats, type Entry } from "./feedlog.ts";
import { count } from "./format.ts";
import { keep } from "./route.ts";
import { Closer, type Page, type View } from "./view.ts";

const offered = ["panic", "restart", "stopped", "busy", "storage", "slow-reader", "deadletter"];

class Feed {
	readonly element: HTMLElement;
	readonly closer = new Closer();
	private readonly list: FeedList;
	private readonly chosen: Set<string>;
	private readonly chips = h("div", { class: "chips", role: "group", "aria-label": "Show only" });
	private readonly search: HTMLInputElement;
	private readonly pause = h("button", { type: "button", class: "button small", "aria-pressed": "false", title: "Stop and go on (p)" }, "Pause");
	private readonly clear = h("button", { type: "button", class: "button small" }, "Clear");
	private readonly empty = h("div", { class: "empty" });
	private readonly figures = new Map<string, HTMLElement>();

	constructor(private readonly page: Page, values: URLSearchParams) {
		this.chosen = new Set((values.get("what") ?? "").split(" ").filter(Boolean));
		this.search = h("input", { type: "search", class: "search", placeholder: "Filter by actor or text  /", "aria-label": "Filter by actor or text", value: values.get("q") ?? "", spellcheck: "false", autocomplete: "off" });
		this.list = new FeedList(page.feed, (entry) => this.passes(entry), (shown) => this.drawEmpty(shown));
		this.search.addEventListener("input", () => this.filter());
		this.pause.addEventListener("click", () => this.togglePause());
		this.clear.addEventListener("click", () => page.feed.clear());
		for (const name of offered) this.chips.append(this.chip(name));
		this.element = h("div", { class: "feed-view" }, h("section", { class: "panel feed-panel", "aria-label": "What happens" },
			h("div", { class: "bar" }, this.chips, this.search, this.pause, this.clear), this.list.element, this.empty));
		this.closer.add(() => this.list.close());
		this.closer.add(page.feed.onChange(() => this.drawChips()));
		this.drawChips();
		page.feed.seen();
	}

	focus(): void {
		this.search.focus();
	}

	togglePause(): void {
		this.list.paused = !this.list.paused;
		say(this.pause, this.list.paused ? "Go on" : "Pause");
		this.pause.setAttribute("aria-pressed", String(this.list.paused));
		this.list.refresh();
	}

	private passes(entry: Entry): boolean {
		if (this.chosen.size > 0 && !this.chosen.has(entry.what) && entry.what !== "gap" && entry.what !== "more") return false;
		const text = this.search.value.trim().toLowerCase();
		return text === "" || `${entry.actor} ${entry.kind} ${entry.detail} ${what(entry.what).name}`.toLowerCase().includes(text);
	}

	private filter(): void {
		keep(this.element, { what: [...this.chosen].join(" "), q: this.search.value.trim() });
		this.list.filter((entry) => this.passes(entry));
		this.drawChips();
	}

	private chip(name: string): HTMLElement {
		const figure = h("span", { class: "figure" });
		this.figures.set(name, figure);
		const { name: text, tone, about } = whats[name]!;
		return h("button", { type: "button", class: "toggle", "data-what": name, "data-tone": tone, title: about, onclick: () => {
			if (!this.chosen.delete(name)) this.chosen.add(name);
			this.filter();
		} }, text, " ", figure);
	}

	private drawChips(): void {
		for (const [name, figure] of this.figures) {
			const n = this.page.feed.entries.reduce((sum, entry) => sum + (entry.what === name ? entry.n ?? 1 : 0), 0);
			say(figure, n === 0 ? "" : count(n));
			figure.parentElement!.setAttribute("aria-pressed", String(this.chosen.has(name)));
		}
	}

	private drawEmpty(shown: number): void {
		this.empty.hidden = shown > 0;
		this.list.element.hidden = shown === 0;
		if (shown > 0) return;
		const all = this.page.feed.entries.length;
		set(this.empty, all > 0 ? notice("Nothing passes the filter", `${count(all)} entries are hidden. Choose fewer words or other kinds.`) :
			notice("All is quiet", "Crashes, restarts, refused requests, slow readers and dead letters show here from the moment this page was opened.",
				this.page.about.faultLab && [" Make one happen in the ", h("a", { href: "#fault" }, "fault lab"), "."]));
	}
}

export function feedView(page: Page, values: URLSearchParams): View {
	const feed = new Feed(page, values);
	const key = (event: KeyboardEvent) => {
		if (event.key === "p") feed.togglePause();
		return event.key === "p";
	};
	return { element: feed.element, topics: [], focus: () => feed.focus(), key, close: () => feed.closer.close() };
}
