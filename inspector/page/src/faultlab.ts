// The Fault lab: do harm on purpose, and watch the actors come back.

import { get, now, post, query, reason, remove } from "./api.ts";
import { Chart } from "./chart.ts";
import { ConnectionPicker } from "./connections.ts";
import type { ActorPage, Fault, Flow } from "./contract.ts";
import { h, say, set, type Child } from "./dom.ts";
import { FeedList } from "./feedlist.ts";
import { charts, latency } from "./flow.ts";
import { remember } from "./history.ts";
import { dot, nameOf, panel } from "./parts.ts";
import { actorLink } from "./route.ts";
import { Closer, debounced, type Page, type View } from "./view.ts";

const offered = 6; // actors

function number(name: string, text: string, value: number, min: number, max: number): HTMLElement {
	return h("label", null, text, h("input", { name, type: "number", value, min, max, required: true, inputmode: "numeric" }));
}

class FaultLab {
	readonly element: HTMLElement;
	readonly closer = new Closer();
	private readonly on = new Map<string, HTMLElement>();
	private readonly conn = new ConnectionPicker("", "fault-conn");
	private readonly actor = h("input", { type: "search", name: "id", placeholder: "name or id", "aria-label": "Actor to crash", required: true, autocomplete: "off", spellcheck: "false" });
	private readonly offers = h("ul", { class: "offers" });
	private readonly chosen = h("p", { class: "hint chosen" });
	private readonly charts = [new Chart<Flow>(latency("message")), new Chart<Flow>(charts.posts!)];
	private readonly feed: FeedList;
	private readonly nothing = h("p", { class: "dim" }, "Nothing yet.");
	private faults: Fault[] = [];
	private crashing = ""; // who is to panic

	constructor(private readonly page: Page, values: URLSearchParams) {
		this.actor.value = values.get("id") ?? "";
		this.feed = new FeedList(page.feed, () => true, (shown) => {
			this.nothing.hidden = shown > 0;
			this.feed.element.hidden = shown === 0;
		});
		const seconds = (usual = 10) => number("seconds", "for seconds", usual, 1, 60);
		this.element = h("div", { class: "fault-view" },
			h("p", { class: "warning" }, "This harms the running provider. Everything here ends by itself within a minute, and nothing acknowledged is lost."),
			h("div", { class: "fault-cards" },
				this.card("crash", "Crash an actor", "It panics at its next message. Whoever asked is answered, the supervisor makes it anew, a durable one recovers from the journal; a session is stopped and its connection closed.", [this.actor, this.offers, this.chosen], "Crash it"),
				this.card("delay", "Delay the journal", "Each sync to disk takes longer. Watch the latency of posts grow, and the batches with it: as many records wait for the next sync as come meanwhile.", [number("ms", "by milliseconds", 50, 1, 5000), seconds()], "Delay it"),
				this.card("budget", "Fill the disk", "After so many bytes the disk is full. Posts are refused with “storage is unavailable”, reads go on; after it the provider goes on by itself.", [number("bytes", "after bytes", 4096, 0, 1 << 30), seconds()], "Fill it"),
				this.card("stall", "Stall a reader", "One connection's client seems not to read. What it is sent waits, up to a bound and for 30 seconds (unless the provider was told otherwise); then it is disconnected. Nobody else waits for it.", [h("div", { class: "field" }, h("label", { for: "fault-conn" }, "connection"), this.conn.element), seconds(60)], "Stall it")),
			h("div", { class: "fault-watch" }, h("div", { class: "stack" }, this.charts.map((chart) => chart.element)), panel("What happens", this.nothing, this.feed.element)));
		this.closer.add(() => this.feed.close());
		for (const chart of this.charts) this.closer.add(() => chart.close());
		this.closer.add(page.stream.on("flow", (flow) => {
			const all = remember(flow);
			for (const chart of this.charts) chart.show(all);
		}));
		this.closer.add(page.stream.on("feed", ({ what, actor }) => what === "panic" && actor === this.crashing && say(this.on.get("crash")!, "It panicked: see what happens below.")));
		this.closer.every(1000, () => this.drawOn());
		this.closer.every(5000, () => void this.readOn());
		const again = debounced(150, () => void this.offer());
		this.actor.addEventListener("input", () => {
			set(this.chosen);
			again();
		});
		void this.readOn();
		void this.offer();
	}

	private card(what: string, title: string, about: string, fields: Child, verb: string): HTMLElement {
		const state = h("p", { class: "fault-state", role: "status" });
		this.on.set(what, state);
		const form = h("form", { class: "panel fault", "data-fault": what }, h("h2", null, title), h("p", { class: "hint" }, about), h("div", { class: "fields" }, fields), h("button", { type: "submit", class: "button danger" }, verb), state);
		form.addEventListener("submit", (event) => {
			event.preventDefault();
			void this.begin(what, form, state);
		});
		return form;
	}

	private async begin(what: string, form: HTMLFormElement, state: HTMLElement): Promise<void> {
		if (what === "stall" && !(await this.conn.settle())) {
			say(state, "Choose a connection from the list.");
			return;
		}
		const body: Record<string, unknown> = { what };
		for (const [name, value] of new FormData(form)) body[name] = name === "id" ? String(value).trim() : Number(value);
		try {
			if (what === "crash") {
				this.crashing = String(body.id);
				say(state, "It will panic at its next message.");
			}
			await post("/api/fault", body);
			await this.readOn();
		} catch (error) {
			say(state, reason(error));
		}
	}

	private async readOn(): Promise<void> {
		try {
			const got = await get<Fault[] | { faults: Fault[] | null }>("/api/fault");
			this.faults = Array.isArray(got) ? got : got.faults ?? [];
			this.drawOn(true);
		} catch (error) {
			this.page.announce(reason(error));
		}
	}

	// drawOn counts down. Why something was refused stays there until it draws anew.
	private drawOn(anew = false): void {
		for (const [what, state] of this.on) {
			if (what === "crash") continue;
			const fault = this.faults.find((f) => f.what === what);
			const left = fault ? Math.ceil((fault.until - now()) / 1000) : 0;
			state.closest(".fault")!.classList.toggle("on", left > 0);
			if (left <= 0) {
				if (state.classList.contains("running")) set(state);
				state.classList.remove("running");
				continue;
			}
			if (!state.classList.contains("running") || (anew && !state.firstElementChild)) set(state, h("span"), " ", h("button", { type: "button", class: "button small", onclick: () => void this.end(what) }, "End it"));
			state.classList.add("running");
			if (state.firstElementChild) say(state.firstElementChild, `On for ${left} s more.`);
		}
	}

	private async end(what: string): Promise<void> {
		await remove(query("/api/fault", { what })).catch((error: unknown) => this.page.announce(reason(error)));
		await this.readOn();
	}

	// offer names actors: those of the text, or else some of each kind that is often crashed.
	private async offer(): Promise<void> {
		const text = this.actor.value.trim();
		try {
			const asked = text === "" ? ["channel", "server", "user", "session", "router"].map((kind) => query("/api/tree", { kind, limit: 1 })) : [query("/api/search", { q: text, limit: offered })];
			const pages = await Promise.all(asked.map((path) => get<ActorPage>(path)));
			set(this.offers, pages.flatMap((page) => page.actors ?? []).map((a) => h("li", null, h("button", { type: "button", class: "toggle", title: a.id, onclick: () => this.choose(a.id) }, dot(a.kind), h("span", { class: "dim" }, `${a.kind} `), nameOf(a)))));
		} catch (error) {
			this.page.announce(reason(error));
		}
	}

	private choose(id: string): void {
		this.actor.value = id;
		set(this.chosen, id !== "" && h("a", { href: actorLink(id) }, "Look at it"));
	}
}

export function faultLabView(page: Page, values: URLSearchParams): View {
	const lab = new FaultLab(page, values);
	return { element: lab.element, topics: ["flow"], close: () => lab.closer.close() };
}
