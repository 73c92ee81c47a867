// One request as a sequence diagram, and as a waterfall in true proportion.

import type { Request } from "./contract.ts";
import { code, h, s } from "./dom.ts";
import { bytes, duration, exactly, many } from "./format.ts";
import { journey, Scale, shortActor, starts, sums, waited, worked, type Journey, type Station } from "./hops.ts";
import { actorAnchor, dot, placeLink, tint } from "./parts.ts";

const left = 66, top = 58, bar = 12, bottom = 26;
const readable = 0.75; // how small the diagram may be drawn

// missing says that stations were left out: of this request, or while it came.
export function missing(lost: number): string {
	return `${many(lost, "station")} got lost: more came than the inspector takes.`;
}

// explain is what a station did, in a sentence.
function explain(hop: Station): string {
	const { batch } = hop;
	let text = `${hop.where} handled ${hop.message} in ${duration(worked(hop))}`;
	if (waited(hop) >= 0.5) text += ` after it had waited ${duration(hop.begun - hop.sent)} in its mailbox`;
	if (batch) text += ` and ${duration(starts(hop) - hop.begun)} for its batch. Committed with ${many(batch.records, "record")} (${bytes(batch.bytes)}): written in ${duration(batch.written - batch.begun)}, synced to disk in ${duration(batch.synced - batch.written)}`;
	if (hop.pushes) text += `. Pushed to ${many(hop.pushes, "connection")}`;
	return `${text}.`;
}

export class RequestPicture {
	readonly element: HTMLElement;
	private readonly detail = h("p", { class: "hop-detail", "aria-live": "polite" });
	private readonly marks = new Map<number, Element[]>(); // of each station, in all that is drawn

	constructor(request: Request, announce: (text: string) => void) {
		const way = journey(request);
		const hint = "Hatched: it waited, in the mailbox or for its batch. Solid: the handler worked. Point at a station to read what it did.";
		this.detail.textContent = hint;
		this.element = h("div", { class: "request" }, this.summary(request, way), request.lost && h("p", { class: "warning lost", role: "status" }, missing(request.lost)), this.detail,
			h("div", { class: "sequence-frame", tabindex: "0", role: "group", "aria-label": "Sequence diagram" }, this.sequence(way)),
			h("h3", null, "In true proportion"), this.waterfall(way, announce));
		this.element.addEventListener("pointerleave", () => this.point(null, hint));
	}

	private summary(request: Request, way: Journey): HTMLElement {
		const total = sums(way.stations);
		const pushes = way.stations.reduce((n, hop) => n + (hop.pushes ?? 0), 0);
		const facts: [string, string][] = [["took", duration(request.took)], ["waited", duration(total.waited)], ["handled", duration(total.handled)]];
		if (total.disk > 0) facts.push(["write and sync", duration(total.disk)]);
		if (pushes > 0) facts.push(["pushed to", many(pushes, "connection")]);
		return h("div", { class: "request-head" },
			h("h2", null, code(request.call || "?"), " ", h("span", { class: request.code ? "said bad" : "said good" }, request.code ? `refused: ${request.code}` : "answered"), h("span", { class: "dim" }, ` connection ${request.conn}`)),
			h("dl", { class: "facts" }, facts.map(([name, text]) => h("div", null, h("dt", null, name), h("dd", null, text)))));
	}

	// own makes an element one of a station's: it explains itself and is marked with the others.
	private own(element: HTMLElement | SVGElement, hop: Station): void {
		this.marks.set(hop.number, [...(this.marks.get(hop.number) ?? []), element]);
		const enter = () => this.point(hop, explain(hop));
		element.addEventListener("pointerenter", enter);
		element.addEventListener("focusin", enter);
	}

	private point(hop: Station | null, text: string): void {
		this.detail.textContent = text;
		for (const [number, elements] of this.marks) for (const element of elements) element.classList.toggle("pointed", number === hop?.number);
	}

	private sequence(way: Journey): SVGSVGElement {
		const gap = Math.max(78, Math.min(140, 800 / way.lanes.length));
		const scale = new Scale(way.stations, top + 20);
		const width = left + gap * way.lanes.length + 60, height = scale.height + bottom;
		const x = (lane: number) => left + gap * (lane + 0.5);
		const svg = s("svg", { class: "sequence", width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `Sequence diagram of ${many(way.stations.length, "station")}. The table below says the same.` },
			s("defs", null, s("pattern", { id: "waits", width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" }, s("rect", { width: 5, height: 5, class: "hatch-ground" }), s("rect", { width: 2, height: 5, class: "hatch-line" })),
				s("marker", { id: "tip", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto-start-reverse" }, s("path", { d: "M0 0.5L8 4L0 7.5z", class: "tip-mark" }))));
		svg.style.minWidth = `max(760px, ${readable * width}px)`; // rather than smaller it scrolls
		way.lanes.forEach((lane, i) => {
			const group = s("g", { class: "lane" }, s("line", { x1: x(i), x2: x(i), y1: top, y2: height - 8 }),
				s("text", { x: x(i), y: 22, class: "lane-where" }, lane.where), s("text", { x: x(i), y: 38, class: "lane-actor" }, clip(shortActor(lane), gap)));
			const mark = s("circle", { cx: x(i), cy: 50, r: 4.5, class: "lane-dot" });
			tint(mark, lane.where);
			group.append(mark, s("title", null, lane.actor || lane.where));
			svg.append(group);
		});
		for (const { time, at } of scale.ticks(17)) {
			svg.append(s("line", { class: "tick-line", x1: left - 4, x2: width - 40, y1: at, y2: at }), s("text", { class: "tick", x: left - 10, y: at + 3.5 }, exactly(Math.max(0, time))));
		}
		for (const hop of way.stations) svg.append(this.arrow(hop, x, scale));
		for (const hop of way.stations) svg.append(this.station(hop, x, scale, gap));
		return svg;
	}

	private arrow(hop: Station, x: (lane: number) => number, scale: Scale): SVGElement {
		const y = scale.at(hop.sent), to = x(hop.lane);
		const group = s("g", { class: "arrow" });
		if (hop.from < 0) {
			if (hop.number === 1) group.append(s("line", { x1: to - 34, x2: to - bar / 2 - 1, y1: y, y2: y, "marker-end": "url(#tip)" }));
			return group;
		}
		if (hop.from === hop.lane) {
			const edge = to + bar / 2, until = Math.max(y + 9, scale.at(hop.begun));
			group.append(s("path", { d: `M${edge} ${y}h14V${until}H${edge + 1}`, "marker-end": "url(#tip)" }), s("text", { class: "message start", x: edge + 18, y: y + 4 }, hop.message));
			return group;
		}
		const from = x(hop.from), side = to > from ? 1 : -1;
		const ends = from + side * bar / 2, arrives = to - side * (bar / 2 + 1);
		group.append(s("line", { x1: ends, x2: arrives, y1: y, y2: y, "marker-end": "url(#tip)" }),
			s("text", { class: "message", x: (ends + arrives) / 2, y: y - 4 }, hop.message));
		return group;
	}

	private station(hop: Station, x: (lane: number) => number, scale: Scale, gap: number): SVGElement {
		const centre = x(hop.lane);
		const sent = scale.at(hop.sent), begun = scale.at(hop.begun), ended = Math.max(scale.at(hop.ended), scale.at(hop.begun) + 3);
		const group = s("g", { class: "station", tabindex: "0", role: "img", "aria-label": explain(hop) });
		tint(group, hop.where);
		const start = scale.at(starts(hop));
		if (start > sent) group.append(s("rect", { class: "wait", x: centre - bar / 2, y: sent, width: bar, height: start - sent, fill: "url(#waits)" }));
		const work = (from: number, to: number) => s("rect", { class: "work", x: centre - bar / 2, y: from, width: bar, height: Math.max(1, to - from), rx: 2 });
		if (hop.batch) group.append(...this.batch(hop, centre, scale), work(scale.at(hop.batch.synced), ended));
		else group.append(work(begun, ended));
		if (hop.pushes) group.append(...fan(centre, (begun + ended) / 2, hop.pushes, gap));
		this.own(group, hop);
		return group;
	}

	private batch(hop: Station, centre: number, scale: Scale): SVGElement[] {
		const { begun, written, synced, records } = hop.batch!;
		const [a, b, c] = [scale.at(begun), scale.at(written), scale.at(synced)] as const;
		const x = centre - bar / 2;
		const text = (y: number, said: string) => s("text", { class: "batch-text", x: x + bar + 6, y }, said);
		return [
			s("rect", { class: "batch-write", x, y: a, width: bar, height: Math.max(2, b - a) }), s("rect", { class: "batch-sync", x, y: b, width: bar, height: Math.max(2, c - b) }),
			text((b + c) / 2 - 3, `sync ${duration(synced - written)}`), text((b + c) / 2 + 10, many(records, "record")),
		];
	}

	private waterfall(way: Journey, announce: (text: string) => void): HTMLElement {
		const whole = way.end - way.begin;
		const share = (from: number, to: number, kind: string) => {
			const part = h("span", { class: kind });
			part.style.left = `${(100 * (from - way.begin)) / whole}%`;
			part.style.width = `max(1px, ${(100 * Math.max(0, to - from)) / whole}%)`;
			return part;
		};
		const rows = way.stations.map((hop) => {
			const track = h("div", { class: "track", "aria-hidden": "true" }, waited(hop) > 0 && share(hop.sent, starts(hop), "wait"), share(hop.batch?.synced ?? hop.begun, hop.ended, "work"),
				hop.batch && [share(hop.batch.begun, hop.batch.written, "batch-write"), share(hop.batch.written, hop.batch.synced, "batch-sync")]);
			tint(track, hop.where);
			const who = hop.actor ? actorAnchor({ id: hop.actor, kind: hop.where }, hop.where) : h("span", { class: "actor-link" }, dot(hop.where), hop.where);
			const extra = [hop.batch && `${many(hop.batch.records, "record")}, sync ${duration(hop.batch.synced - hop.batch.written)}`, hop.pushes && many(hop.pushes, "push", "pushes")].filter(Boolean).join(", ");
			const row = h("tr", { "data-where": hop.where, "data-sent": hop.sent, "data-begun": hop.begun, "data-ended": hop.ended }, h("td", { class: "words where" }, who), h("td", { class: "words message" }, code(hop.message), extra && h("small", null, extra)), h("td", { class: "track-cell" }, track),
				h("td", { class: "wait-cell" }, waited(hop) > 0 ? duration(waited(hop)) : "–"), h("td", { class: "work-cell" }, duration(worked(hop))),
				h("td", { class: "words handler" }, placeLink(hop.place, announce)));
			this.own(row, hop);
			return row;
		});
		return h("table", { class: "figures waterfall" }, h("thead", null, h("tr", null, h("th", { scope: "col", class: "words" }, "Station"), h("th", { scope: "col", class: "words" }, "Message"),
			h("th", { scope: "col", class: "words" }, `0 to ${duration(whole)}`), h("th", { scope: "col", class: "wait-cell" }, "waited"), h("th", { scope: "col" }, "handled"), h("th", { scope: "col", class: "words handler" }, "Handler"))), h("tbody", null, rows));
	}
}

function clip(text: string, width: number): string {
	const most = Math.max(6, Math.floor(width / 6.6));
	const head = Math.floor(most / 3);
	return text.length > most ? `${text.slice(0, head)}…${text.slice(head + 1 - most)}` : text; // names often begin alike
}

// fan is the pushes that leave the router.
function fan(centre: number, y: number, pushes: number, gap: number): SVGElement[] {
	const from = centre + bar / 2 + 1, to = from + Math.min(26, gap / 3);
	const lines = [-8, 0, 8].slice(0, Math.min(3, pushes)).map((dy) => s("line", { class: "push", x1: from, x2: to, y1: y, y2: y + dy, "marker-end": "url(#tip)" }));
	return [...lines, s("text", { class: "batch-text", x: to + 5, y: y + 3.5 }, many(pushes, "push", "pushes"))];
}
