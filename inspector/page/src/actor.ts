// The Actor: what one of them is, does, and knows.

import { get, now, post, query, reason, Trouble } from "./api.ts";
import type { Actor, ActorState, ActorTick, ActorType, Restart } from "./contract.ts";
import { code, h, notice, say, set } from "./dom.ts";
import { age, clock, count, duration, many, moment, percent, rate } from "./format.ts";
import { json } from "./json.ts";
import { actorAnchor, chip, nameOf, panel, placeLink, Tile } from "./parts.ts";
import { actorLink, link } from "./route.ts";
import { Spark } from "./spark.ts";
import { Closer, type Page, type View } from "./view.ts";

const lastSeen = "elemental-actor"; // the one that the tab goes back to

class ActorView {
	readonly element = h("div", { class: "actor-view" });
	readonly closer = new Closer();
	private readonly head = h("header", { class: "actor-head" });
	private readonly depth = new Tile("Mailbox");
	private readonly rate = new Tile("Messages handled");
	private readonly busy = new Tile("Busy");
	private readonly life = new Tile("Alive for");
	private readonly sparks = { depth: new Spark(1), rate: new Spark(1), busy: new Spark(0.05) };
	private readonly types = h("tbody");
	private readonly restarts = h("div");
	private readonly state = h("div", { class: "state-json" });
	private readonly asked = h("p", { class: "hint" });
	private readonly opened = new Map<string, boolean>();
	private readonly known = new Map<string, HTMLTableRowElement>(); // keeps an idle type's row, so that rows do not jump
	private readonly crowd = h("div", { class: "crowded", role: "status" });
	private shown = ""; // the restarts that are drawn
	private gone = false; // as far as the page says
	private old = false; // the next stream may be of another run of the provider, or the state could not be had
	private actor: Actor | null = null;

	constructor(private readonly page: Page, private readonly id: string) {
		this.depth.element.append(this.sparks.depth.element);
		this.rate.element.append(this.sparks.rate.element);
		this.busy.element.append(this.sparks.busy.element);
		const ask = h("button", { type: "button", class: "button small", title: "Ask again (r)", onclick: () => void this.ask() }, "Ask again");
		set(this.element, this.head, this.crowd,
			h("dl", { class: "tiles four" }, this.depth.element, this.rate.element, this.busy.element, this.life.element),
			h("div", { class: "actor-columns" },
				h("div", { class: "stack" }, this.typesPanel(), panel("Restarts", this.restarts)),
				h("section", { class: "panel" }, h("div", { class: "bar" }, h("h2", null, "State"), ask), this.asked, this.state)));
		this.drawTick({ id, depth: 0, busy: 0, rate: 0, types: null, restarts: null }, false);
		this.closer.add(page.stream.on("actor", (tick) => tick.id === this.id && this.take(tick)));
		this.closer.add(page.stream.on("hello", () => {
			if (this.old && !this.gone) void this.ask(); // of one that is gone a tick tells when it has come back
			this.old = true;
		}));
		this.closer.every(5000, () => this.drawLife());
		void this.ask();
	}

	async ask(): Promise<void> {
		try {
			const got = await get<ActorState>(query("/api/actor", { id: this.id }));
			sessionStorage.setItem(lastSeen, this.id);
			this.actor = got.actor;
			this.gone = false;
			this.drawHead(got);
			this.drawLife();
			say(this.asked, `Its own view, asked through its mailbox at ${clock(Date.now())}. Secrets are left out, long lists are shortened.`);
			set(this.state, json(got.view, this.opened));
		} catch (error) {
			this.drawTrouble(error);
		}
	}

	private take(tick: ActorTick): void {
		this.drawCrowd(tick.crowded ?? false);
		if (tick.gone) {
			if (!this.gone) this.drawTrouble(new Trouble(404, "")); // once: what is drawn anew can be neither clicked nor kept in focus
			return;
		}
		if (!tick.crowded) this.drawTick(tick, true);
		if (this.gone) void this.ask(); // it has come back
		this.gone = false;
	}

	private drawCrowd(crowded: boolean): void {
		this.element.classList.toggle("unwatched", crowded);
		if (!crowded) set(this.crowd);
		else if (this.crowd.childElementCount === 0) {
			set(this.crowd, notice("Too many watch this actor; try again", "It is alive, but only so many may see at a time what it does. The page tries by itself, and shows it as soon as one of them leaves."));
		}
	}

	private drawTrouble(error: unknown): void {
		this.old = true;
		if (error instanceof Trouble && error.status === 404) {
			this.gone = true;
			this.actor = null;
			for (const tile of [this.depth, this.rate, this.busy, this.life]) tile.show("–");
			this.drawTypes([]);
			say(this.asked, "");
			set(this.head, h("h1", null, "Not alive"), h("p", { class: "id" }, code(this.id)));
			set(this.state, notice("This actor is not in memory", "It has ended, or it left memory because nobody used it; its next message brings it back. ", h("a", { href: link("tree") }, "Look for another one"), "."));
		} else set(this.state, notice("Its state cannot be had", reason(error)));
	}

	private drawHead({ actor, path }: ActorState): void {
		const about = this.page.about.kinds.find((k) => k.kind === actor.kind);
		const above = (path ?? []).filter((a) => a.id !== actor.id);
		const crumbs = h("nav", { class: "crumbs", "aria-label": "Supervisors" }, h("ol", null,
			above.length === 0 && actor.kind === "session" && h("li", null, h("a", { href: link("tree", { open: "conn" }) }, "connections")),
			above.map((a) => h("li", null, a.kind === "group" ? nameOf(a) : actorAnchor(a))), h("li", { "aria-current": "page" }, nameOf(actor))));
		const crash = this.page.about.faultLab && h("button", { type: "button", class: "button danger small", onclick: () => void this.crash() }, "Crash it");
		const inTree = link("tree", { open: [...(actor.kind === "session" ? ["conn"] : above.map((a) => a.id)), actor.id].join(" "), at: actor.id });
		const follow = actor.kind === "session" && h("a", { class: "button small", href: link("follow", { conn: actor.id.slice(actor.id.lastIndexOf("/") + 1) }) }, "Follow its next request");
		set(this.head, crumbs,
			h("div", { class: "actor-title" }, h("h1", null, nameOf(actor)), chip(actor.kind), h("span", { class: "spacer" }), follow, h("a", { class: "button small", href: inTree }, "Show in the tree"), crash),
			h("p", { class: "sub" }, about?.about, about?.file && [". Its code: ", code(about.file), "."]),
			h("p", { class: "id" }, code(actor.id), actor.children > 0 && ` · ${many(actor.children, "child", "children")}`));
	}

	private drawLife(): void {
		if (!this.actor) return;
		const { started, restarts } = this.actor;
		this.life.show(age(now() - started), restarts > 0 ? many(restarts, "restart") : "never restarted");
		this.life.element.title = `Since ${moment(started)}`;
	}

	private async crash(): Promise<void> {
		try {
			await post("/api/fault", { what: "crash", id: this.id });
			this.page.announce("It will panic at its next message. Watch its restarts.");
		} catch (error) {
			this.page.announce(reason(error));
		}
	}

	private typesPanel(): HTMLElement {
		return panel("Messages", h("p", { class: "hint" }, "Of the last half second; in grey, of the last one with such a message. Waited: in the mailbox. Handled: in the handler."),
			h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Messages by type" }, h("table", { class: "figures" },
				h("thead", null,
					h("tr", null, h("th", { rowspan: "2", scope: "col" }, "Type"), h("th", { rowspan: "2", scope: "col" }, "per s"), h("th", { colspan: "2", scope: "colgroup", class: "group" }, "waited"), h("th", { colspan: "3", scope: "colgroup", class: "group" }, "handled"), h("th", { rowspan: "2", scope: "col", class: "words" }, "Handler")),
					h("tr", null, ["p50", "p99", "p50", "p99", "max"].map((name) => h("th", { scope: "col" }, name)))),
				this.types)));
	}

	private drawTick(tick: ActorTick, live: boolean): void {
		if (live) {
			this.depth.show(count(tick.depth), tick.depth === 0 ? "nothing waits" : "messages wait", tick.depth > 100 ? "doubt" : "");
			this.rate.show(`${rate(tick.rate)}/s`, "in the last half second");
			this.busy.show(percent(tick.busy), "of the time in its handlers", tick.busy > 0.8 ? "doubt" : "");
			this.sparks.depth.add(tick.depth);
			this.sparks.rate.add(tick.rate);
			this.sparks.busy.add(tick.busy);
		}
		this.drawTypes(tick.types ?? []);
		this.drawRestarts(tick.restarts ?? []);
	}

	private drawTypes(types: ActorType[]): void {
		for (const [message, row] of this.known) {
			if (types.some((type) => type.message === message)) continue;
			row.classList.add("idle");
			say(row.cells[1]!, "0");
		}
		for (const type of types) {
			let row = this.known.get(type.message);
			if (!row) {
				row = h("tr", null, h("th", { scope: "row" }, code(type.message)), Array.from({ length: 6 }, () => h("td")), h("td", { class: "words" }, placeLink(type.place, this.page.announce)));
				this.known.set(type.message, row);
				if (this.known.size === 1) set(this.types);
				this.types.append(row);
			}
			row.classList.remove("idle");
			const figures = [rate(type.rate), ...[type.waitP50, type.waitP99, type.handleP50, type.handleP99, type.max].map(duration)];
			figures.forEach((text, i) => say(row.cells[i + 1]!, text));
		}
		if (this.known.size === 0) set(this.types, h("tr", null, h("td", { colspan: "8", class: "words dim" }, "No message yet. Watching since you opened this.")));
	}

	private drawRestarts(restarts: Restart[]): void {
		const key = restarts.map((r) => r.at).join();
		if (key === this.shown && this.restarts.childElementCount > 0) return;
		if (key !== this.shown && this.actor) void this.ask(); // its state is a new one
		this.shown = key;
		const newest = restarts.toSorted((a, b) => b.at - a.at);
		set(this.restarts, restarts.length === 0 ? h("p", { class: "dim" }, "None. A handler that panics is made anew by its supervisor, and shows here with its cause.") :
			h("ol", { class: "restarts" }, newest.map((r) => h("li", null, h("time", { datetime: new Date(r.at).toISOString() }, clock(r.at)), h("span", null, "handling ", code(r.message)), h("span", { class: "reason" }, r.reason)))));
	}
}

export function actorView(page: Page, values: URLSearchParams): View {
	const id = values.get("id") ?? sessionStorage.getItem(lastSeen) ?? "";
	if (id === "") {
		const element = h("div", null, notice("No actor chosen", "Choose one in the ", h("a", { href: link("tree") }, "tree"), ", or look at one that is always there: ",
			["provider", "provider/router", "provider/persistence"].map((a, i) => [i > 0 && ", ", h("a", { href: actorLink(a) }, a)]), "."));
		return { element, topics: [], close: () => undefined };
	}
	if (!values.has("id")) history.replaceState(null, "", actorLink(id));
	const view = new ActorView(page, id);
	const key = (event: KeyboardEvent) => {
		if (event.key === "r") void view.ask();
		return event.key === "r";
	};
	return { element: view.element, topics: [`actor:${id}`], key, close: () => view.closer.close() };
}
