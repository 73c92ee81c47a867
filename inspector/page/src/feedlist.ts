// The feed as a list: what happened, to whom, and why.

import { code, h, say, set } from "./dom.ts";
import { what, type Entry, type FeedLog } from "./feedlog.ts";
import { precise } from "./format.ts";
import { actorAnchor } from "./parts.ts";
import { Rows } from "./rows.ts";

interface Row {
	element: HTMLElement;
	time: HTMLElement;
	what: HTMLElement;
	actor: HTMLElement;
	detail: HTMLElement;
	key: number;
}

const narrow = matchMedia("(max-width: 620px)"); // the details have a line of their own there

function make(): Row {
	const cell = (name: string) => h("span", { class: name, role: "cell" });
	const [time, kind, actor, detail] = [cell("time"), cell("what"), cell("who"), cell("detail")] as const;
	return { element: h("div", { class: "feed-row", role: "row" }, time, kind, actor, detail), time, what: kind, actor, detail, key: -1 };
}

// FeedList shows what of a log a filter lets pass, the newest first.
export class FeedList {
	readonly element: HTMLElement;
	paused = false;
	private shown: Entry[] = [];
	private readonly rows: Rows<Row>;
	private readonly stop: () => void;
	private frame = 0;

	constructor(private readonly log: FeedLog, private passes: (entry: Entry) => boolean, private readonly changed: (shown: number) => void) {
		this.rows = new Rows<Row>({ get height() { return narrow.matches ? 52 : 32; }, make, element: (row) => row.element, draw: (row, i) => this.draw(row, i) }, { role: "table", tabindex: "0", "aria-label": "What happened, the newest first" });
		this.element = this.rows.viewport;
		this.stop = log.onChange(() => this.refresh());
		this.refresh();
	}

	filter(passes: (entry: Entry) => boolean): void {
		this.passes = passes;
		this.refresh(true);
	}

	refresh(always = false): void {
		if (this.paused && !always) return;
		if (this.frame === 0) this.frame = requestAnimationFrame(() => this.drawAll());
	}

	close(): void {
		cancelAnimationFrame(this.frame);
		this.stop();
		this.rows.close();
	}

	private drawAll(): void {
		this.frame = 0;
		this.shown = this.log.entries.filter(this.passes).reverse();
		this.rows.setCount(this.shown.length);
		this.changed(this.shown.length);
	}

	private draw(row: Row, index: number): void {
		const entry = this.shown[index];
		if (!entry || entry.key === row.key) return;
		row.key = entry.key;
		const { name, tone, about } = what(entry.what);
		row.element.dataset.tone = tone;
		row.element.dataset.what = entry.what;
		say(row.time, precise(entry.at));
		say(row.what, name);
		row.what.title = about;
		if (entry.actor) set(row.actor, actorAnchor({ id: entry.actor, kind: entry.kind || "group" }, entry.actor.replace(/^provider\//, "")));
		else set(row.actor);
		const detail = entry.what === "more" ? `${entry.n ?? 0} more happened at once.` : entry.detail;
		set(row.detail, entry.what === "panic" ? code(detail) : detail);
		row.detail.title = detail;
	}
}
