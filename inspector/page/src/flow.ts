// Flow: what goes through the provider now and went in the last minutes.

import type { Flow } from "./contract.ts";
import { Chart, type ChartOptions, type Line } from "./chart.ts";
import { code, h, notice, option, say, set } from "./dom.ts";
import { bytes, count, duration, many, processors, rate } from "./format.ts";
import { remember, remembered } from "./history.ts";
import { dot, panel, Tile } from "./parts.ts";
import { keep, link } from "./route.ts";
import { Closer, type Page, type View } from "./view.ts";

const perSecond = (n: number) => `${rate(n)}/s`;
const most = 5; // calls with a line of their own

export const charts: Record<string, ChartOptions<Flow>> = {
	posts: { title: "Posts and pushes per second", show: perSecond, lines: [
		{ name: "posts", colour: 1, value: (f) => f.posts, area: true }, { name: "pushes", colour: 3, value: (f) => f.pushes }] },
	syncs: { title: "Syncs of the journal per second", show: perSecond, lines: [{ name: "syncs", colour: 2, value: (f) => f.syncs, area: true }] },
	batch: { title: "Records made durable by one sync", show: rate, lines: [{ name: "records", colour: 4, value: (f) => f.recordsPerSync, area: true }] },
	disk: { title: "Time of a sync", show: duration, logarithmic: true, lines: [
		{ name: "p50", colour: 1, value: (f) => f.syncP50 || null }, { name: "p99", colour: 2, value: (f) => f.syncP99 || null }] },
	memory: { title: "Memory", show: bytes, binary: true, lines: [
		{ name: "resident", colour: 1, value: (f) => f.memory.resident, area: true }, { name: "heap", colour: 3, value: (f) => f.memory.heap }, { name: "stacks", colour: 6, value: (f) => f.memory.stacks }] },
	connections: { title: "Connections, requests under way", show: count, lines: [
		{ name: "connections", colour: 3, value: (f) => f.connections }, { name: "under way", colour: 2, value: (f) => f.inflight }] },
	processor: { title: "Processors in use", show: processors, lines: [{ name: "processors", colour: 2, value: (f) => f.cpu, area: true }] },
};

// latency is the chart of one call.
export function latency(call: string): ChartOptions<Flow> {
	return { title: `Latency of ${call || "calls"}`, show: duration, logarithmic: true, lines: [
		{ name: "p50", colour: 1, value: (f) => f.calls[call]?.p50 || null }, { name: "p99", colour: 2, value: (f) => f.calls[call]?.p99 || null }] };
}

function callLines(names: string[]): Line<Flow>[] {
	const all = (f: Flow, name: string) => (f.calls[name] ? f.calls[name].ok + f.calls[name].refused : 0);
	const lines = names.slice(0, most).map((name, i): Line<Flow> => ({ name, colour: i + 1, value: (f) => all(f, name) }));
	const others = names.slice(most);
	if (others.length > 0) lines.push({ name: "others", colour: 6, dash: true, value: (f) => others.reduce((n, name) => n + all(f, name), 0) });
	return lines;
}

class FlowView {
	readonly element: HTMLElement;
	readonly closer = new Closer();
	private readonly tiles = { calls: new Tile("Calls"), posts: new Tile("Posts"), pushes: new Tile("Pushes"), syncs: new Tile("Syncs"), latency: new Tile("Latency of a post"), connections: new Tile("Connections"), memory: new Tile("Memory"), cpu: new Tile("Processors"), journal: new Tile("Journal"), trouble: new Tile("Refused") };
	private readonly calls: Chart<Flow>;
	private readonly latency: Chart<Flow>;
	private readonly others: Chart<Flow>[];
	private readonly choice = h("select", { "aria-label": "Latency of which call" });
	private readonly callRows = h("tbody");
	private readonly kindRows = h("tbody");
	private readonly idle = h("div", { class: "empty", hidden: true }, notice("Nothing is asked of the provider", "Run ", code("go run ./cmd/elemental-load chat --rate 200 --duration 60s"), " to see it work."));
	private names: string[] = []; // of calls that came, in the order they came
	private chosen: string;

	constructor(page: Page, values: URLSearchParams) {
		this.chosen = values.get("call") ?? "message";
		this.calls = new Chart({ title: "Calls per second", show: perSecond, lines: callLines(["message"]) });
		this.latency = new Chart(latency(this.chosen));
		this.others = Object.values(charts).map((options) => new Chart(options));
		this.choice.addEventListener("change", () => this.choose(this.choice.value));
		this.latency.element.prepend(this.choice);
		this.element = h("div", { class: "flow-view" }, this.idle,
			h("dl", { class: "tiles five" }, Object.values(this.tiles).map((tile) => tile.element)),
			h("div", { class: "charts" }, this.calls.element, this.latency.element, this.others.map((chart) => chart.element)),
			h("div", { class: "two" }, panel("Calls", table(["Call", "answered/s", "refused/s", "p50", "p99"], this.callRows)),
				panel("Actors", table(["Kind", "alive", "messages/s", "started/s", "passivated/s", "restarts/s"], this.kindRows))));
		for (const chart of [this.calls, this.latency, ...this.others]) this.closer.add(() => chart.close());
		this.closer.add(page.stream.on("flow", (flow) => this.take(flow)));
		for (const { sample } of remembered()) if (sample) this.learnCalls(sample);
		const last = remembered().at(-1)?.sample;
		if (last) this.draw(last);
	}

	private choose(call: string): void {
		this.chosen = call;
		keep(this.element, { call: call === "message" ? "" : call });
		this.latency.change(latency(call));
		this.latency.show(remembered());
	}

	private take(flow: Flow): void {
		remember(flow);
		this.draw(flow);
	}

	private draw(flow: Flow): void {
		this.learnCalls(flow);
		for (const chart of [this.calls, this.latency, ...this.others]) chart.show(remembered());
		this.drawTiles(flow);
		this.drawCalls(flow);
		this.drawKinds(flow);
	}

	// learnCalls gives a call that has not come before its line.
	private learnCalls(flow: Flow): void {
		const fresh = Object.entries(flow.calls ?? {}).filter(([name, c]) => (c.ok > 0 || c.refused > 0) && !this.names.includes(name)).map(([name]) => name);
		if (fresh.length === 0 && this.names.length > 0) return;
		this.names = [...this.names, ...fresh];
		if (fresh.length > 0) this.calls.change({ title: "Calls per second", show: perSecond, lines: callLines(this.names) });
		const options = this.names.includes(this.chosen) ? this.names : [this.chosen, ...this.names];
		set(this.choice, options.map((name) => option(name, name, name === this.chosen)));
	}

	private drawTiles(flow: Flow): void {
		const sum = Object.values(flow.calls ?? {}).reduce((n, c) => n + c.ok + c.refused, 0);
		const post = flow.calls?.message;
		const refused = Object.entries(flow.refused ?? {}).filter(([, n]) => n > 0).sort(([, a], [, b]) => b - a);
		const { tiles } = this;
		this.idle.hidden = sum > 0 || flow.connections > 0;
		tiles.calls.show(perSecond(sum), `${count(flow.inflight)} under way`);
		tiles.posts.show(perSecond(flow.posts), "durable before the answer");
		tiles.pushes.show(perSecond(flow.pushes), flow.posts > 0 ? `${rate(flow.pushes / flow.posts)} for each post` : "to subscribers");
		tiles.syncs.show(perSecond(flow.syncs), `${rate(flow.recordsPerSync)} ${flow.recordsPerSync === 1 ? "record" : "records"} in each`);
		tiles.latency.show(duration(post?.p50 || null), `p99 ${duration(post?.p99 || null)}`);
		tiles.connections.show(count(flow.connections), `${bytes(flow.unread)} not yet read by clients`);
		tiles.memory.show(bytes(flow.memory.resident), `heap ${bytes(flow.memory.heap)}`);
		tiles.cpu.show(processors(flow.cpu), `${many(flow.goroutines, "goroutine")}, GC pause p99 ${duration(flow.gc.pauseP99)}`);
		tiles.journal.show(bytes(flow.journalBytes), `${many(flow.segments, "segment")}, snapshots ${bytes(flow.snapshotBytes)}/s`);
		const total = refused.reduce((n, [, r]) => n + r, 0);
		tiles.trouble.show(perSecond(total), refused.length > 0 ? refused.slice(0, 2).map(([name, n]) => `${name} ${rate(n)}`).join(", ") : `slow readers ${rate(flow.slowReaders)}, dead letters ${rate(flow.deadLetters)}`, total > 0 ? "doubt" : "");
	}

	private drawCalls(flow: Flow): void {
		drawRows(this.callRows, this.names.map((name) => {
			const c = flow.calls?.[name];
			return { key: name, head: () => h("a", { href: link("follow", { call: name }), title: "Follow one" }, code(name)), figures: [rate(c?.ok ?? 0), rate(c?.refused ?? 0), duration(c?.p50 || null), duration(c?.p99 || null)] };
		}), "No call has come yet.");
	}

	private drawKinds(flow: Flow): void {
		drawRows(this.kindRows, Object.entries(flow.actors ?? {}).map(([kind, k]) => (
			{ key: kind, head: () => h("a", { class: "actor-link", href: link("tree", { kind }) }, dot(kind), kind), figures: [count(k.alive), rate(k.messages), rate(k.started), rate(k.passivated), rate(k.restarts)] }
		)), "No figures of actors.");
	}
}

function table(names: string[], body: HTMLElement): HTMLElement {
	return h("div", { class: "scroll" }, h("table", { class: "figures" }, h("thead", null, h("tr", null, names.map((name) => h("th", { scope: "col" }, name)))), body));
}

// drawRows keeps the rows that are there and changes their figures.
function drawRows(body: HTMLElement, rows: { key: string; head: () => HTMLElement; figures: string[] }[], none: string): void {
	const there = new Map([...body.querySelectorAll<HTMLTableRowElement>("tr[data-key]")].map((row) => [row.dataset.key!, row]));
	if (rows.length > 0 && there.size === 0) set(body);
	for (const { key, head, figures } of rows) {
		let row = there.get(key);
		if (!row) {
			row = h("tr", { "data-key": key }, h("th", { scope: "row" }, head()), figures.map(() => h("td")));
			body.append(row);
		}
		figures.forEach((text, i) => say(row.cells[i + 1]!, text));
	}
	if (rows.length === 0) set(body, h("tr", null, h("td", { class: "words dim" }, none)));
}

export function flowView(page: Page, values: URLSearchParams): View {
	const view = new FlowView(page, values);
	return { element: view.element, topics: ["flow"], close: () => view.closer.close() };
}
