// Follow: choose a request, and see the way that it takes through the actors.

import { post, query, reason, remove } from "./api.ts";
import { ConnectionPicker } from "./connections.ts";
import type { Request } from "./contract.ts";
import { code, h, notice, option, say, set } from "./dom.ts";
import { clock, duration } from "./format.ts";
import { keep } from "./route.ts";
import { missing, RequestPicture } from "./sequence.ts";
import { Closer, type Page, type View } from "./view.ts";

const lasts = 60_000; // ms in which the server follows
const keptRequests = 50;

// What was followed stays when another view is looked at.
const kept: { requests: { request: Request; key: number }[]; next: number } = { requests: [], next: 1 };

// end stops a following, unless it has ended by itself.
function end(id: string): Promise<void> {
	return remove(query("/api/follow", { id })).catch(() => undefined);
}

class Follow {
	readonly element: HTMLElement;
	readonly closer = new Closer();
	private readonly conn = new ConnectionPicker("any connection", "follow-conn");
	private readonly call: HTMLSelectElement;
	private readonly count: HTMLSelectElement;
	private readonly button = h("button", { type: "submit", class: "button primary" }, "Follow the next one");
	private readonly status = h("p", { class: "follow-status", role: "status" });
	private readonly list = h("div", { class: "request-list", role: "listbox", "aria-label": "Requests that were followed", tabindex: "0" });
	private readonly stage = h("div", { class: "stage panel" });
	private early: string[] | null = null; // the ids of the followings whose requests came while the answer to the next one is awaited
	private chosen = 0; // the key of the request that is drawn
	private running: { id: string; until: number; count: number; left: number; stream: string } | null = null;

	constructor(private readonly page: Page, values: URLSearchParams) {
		this.call = h("select", { id: "follow-call" }, option("", "any call"), page.about.calls.map((name) => option(name, name, name === values.get("call"))));
		this.count = h("select", { id: "follow-count" }, [1, 5, 20].map((n) => option(String(n), n === 1 ? "the next one" : `the next ${n}`, String(n) === values.get("count"))));
		const form = h("form", { class: "panel follow-form" },
			h("label", { for: "follow-call" }, "Call", this.call), h("div", { class: "field" }, h("label", { for: "follow-conn" }, "Connection"), this.conn.element), h("label", { for: "follow-count" }, "How many", this.count), this.button, this.status);
		form.addEventListener("submit", (event) => {
			event.preventDefault();
			void (this.running ? this.stop() : this.begin());
		});
		form.addEventListener("change", () => this.drawButton());
		this.element = h("div", { class: "follow-view" }, form, h("div", { class: "follow-columns" }, h("section", { class: "panel list-panel" }, h("h2", null, "Followed"), this.list), this.stage));
		this.list.addEventListener("keydown", (event) => this.key(event));
		this.closer.add(page.stream.on("request", (request) => this.take(request)));
		this.closer.add(page.stream.on("followed", ({ id, left, lost }) => id === this.running?.id && left > 0 && this.gaveUp(lost)));
		this.closer.add(page.stream.watch(() => this.lost()));
		this.closer.every(500, () => this.drawStatus());
		this.closer.add(() => void (this.running && end(this.running.id)));
		this.drawList();
		this.choose(kept.requests.at(-1)?.key ?? 0);
		this.drawButton();
		void this.conn.choose(values.get("conn") ?? "");
	}

	async begin(): Promise<void> {
		if (this.running || this.early !== null || this.page.stream.id === "") {
			if (this.page.stream.id === "") say(this.status, "The page is not connected to the provider yet.");
			return;
		}
		const count = Number(this.count.value);
		this.early = []; // nor is it begun twice, meanwhile
		if (!(await this.conn.settle())) {
			this.early = null;
			say(this.status, "Choose a connection from the list, or leave the field empty.");
			return;
		}
		keep(this.element, { conn: this.conn.value, call: this.call.value, count: count === 1 ? "" : count });
		try {
			const body = { stream: this.page.stream.id, call: this.call.value || undefined, conn: this.conn.value ? Number(this.conn.value) : undefined, count };
			const { id } = await post<{ id: string }>("/api/follow", body);
			if (!this.element.isConnected) return end(id); // the view was left meanwhile
			const left = count - this.early.filter((of) => of === id).length;
			if (left > 0) this.running = { id, until: Date.now() + lasts, count, left, stream: this.page.stream.id };
		} catch (error) {
			say(this.status, reason(error));
		}
		this.early = null;
		this.drawButton();
		this.drawStatus();
	}

	private async stop(): Promise<void> {
		const { running } = this;
		this.running = null;
		this.drawButton();
		say(this.status, "");
		if (running) await end(running.id);
	}

	private take(request: Request): void {
		const key = kept.next++;
		kept.requests = [...kept.requests, { request, key }].slice(-keptRequests);
		this.early?.push(request.id);
		if (request.id === this.running?.id && --this.running.left <= 0) { // of one that was stopped some may still come
			this.running = null;
			say(this.status, "");
		}
		this.drawButton();
		this.drawList();
		if (!this.running || kept.requests.length === 1 || this.chosen === 0) this.choose(key);
	}

	private lost(): void {
		if (this.running && this.page.stream.id !== this.running.stream) {
			this.running = null;
			say(this.status, "The stream was interrupted, so nothing is followed any more.");
			this.drawButton();
		}
	}

	private drawButton(): void {
		this.button.textContent = this.running ? "Stop" : this.count.value === "1" ? "Follow the next one" : `Follow the next ${this.count.value}`;
		this.button.classList.toggle("primary", !this.running);
	}

	private drawStatus(): void {
		if (!this.running) return;
		const left = this.running.until - Date.now();
		if (left <= 0) {
			this.gaveUp();
			return;
		}
		const which = [this.call.value || "any call", this.conn.value ? `of connection ${this.conn.value}` : ""].filter(Boolean).join(" ");
		say(this.status, `Waiting for ${which}: ${this.running.left} to come, ${Math.ceil(left / 1000)} s left.`);
	}

	private gaveUp(lost = 0): void {
		const { count, left } = this.running!;
		this.running = null;
		this.drawButton();
		const none = "No such request came within a minute. Is there any traffic? See Flow.";
		say(this.status, lost > 0 ? missing(lost) : left === count ? none : `Only ${count - left} of ${count} requests came within a minute.`);
	}

	private drawList(): void {
		const slowest = Math.max(1, ...kept.requests.map(({ request }) => request.took));
		set(this.list, kept.requests.toReversed().map(({ request, key }) => {
			const bar = h("span", { class: "took-bar", "aria-hidden": "true" });
			bar.style.transform = `scaleX(${Math.max(0.01, request.took / slowest)})`;
			const item = h("div", { class: "request-item", role: "option", id: `request-${key}`, "data-key": key, "aria-selected": String(key === this.chosen), onclick: () => this.choose(key) },
				h("span", { class: "name" }, code(request.call || "?")), h("span", { class: "figure" }, duration(request.took)),
				h("span", { class: request.code ? "refused" : "dim" }, `${clock(request.begun)} · connection ${request.conn}${request.code ? ` · ${request.code}` : ""}`), bar);
			return item;
		}));
		if (kept.requests.length === 0) set(this.list, h("p", { class: "dim" }, "Nothing yet."));
	}

	private choose(key: number): void {
		this.chosen = key;
		const found = kept.requests.find((r) => r.key === key);
		for (const item of this.list.querySelectorAll<HTMLElement>("[role=option]")) item.setAttribute("aria-selected", String(item.dataset.key === String(key)));
		if (found) {
			this.list.setAttribute("aria-activedescendant", `request-${key}`);
			set(this.stage, new RequestPicture(found.request, this.page.announce).element);
			return;
		}
		set(this.stage, notice("See one request go through the actors", "Choose a call and press the button. The next such request is followed from the socket through each mailbox to its answer. No traffic? Run ",
			code(`go run ./cmd/elemental-load chat --rate 20 --duration 60s`), " against this provider."));
	}

	private key(event: KeyboardEvent): void {
		const step = { ArrowDown: -1, ArrowUp: 1 }[event.key];
		if (!step) return;
		event.preventDefault();
		const at = kept.requests.findIndex((r) => r.key === this.chosen);
		const next = kept.requests[at + step];
		if (!next) return;
		this.choose(next.key);
		this.list.querySelector(`[data-key="${next.key}"]`)?.scrollIntoView({ block: "nearest" });
	}
}

export function followView(page: Page, values: URLSearchParams): View {
	const follow = new Follow(page, values);
	const key = (event: KeyboardEvent) => {
		if (event.key === "f") void follow.begin();
		return event.key === "f";
	};
	return { element: follow.element, topics: [], key, update: () => false, close: () => follow.closer.close() };
}
