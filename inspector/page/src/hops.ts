// A followed request made ready to be drawn: its stations in order, the lanes
// they are in, and a scale of time that shows microseconds beside milliseconds.

import type { Hop, Request } from "./contract.ts";
import { lastPart } from "./parts.ts";

// order is the way that most requests take, from left to right.
const order = ["reader", "session", "directory", "user", "server", "channel", "passwords", "hash", "persistence", "router", "writer"];

export interface Lane {
	key: string;
	where: string;
	actor: string;
}

export interface Station extends Hop {
	lane: number;
	from: number; // the lane of whoever sent it, or -1
	number: number; // 1 is the first
}

export interface Journey {
	lanes: Lane[];
	stations: Station[];
	begin: number;
	end: number;
}

const laneKey = (hop: Hop) => `${hop.where}|${hop.actor}`;

function rank(where: string): number {
	const at = order.indexOf(where);
	return at < 0 ? order.length - 1.5 : at;
}

export function journey(request: Request): Journey {
	const hops = (request.hops ?? []).toSorted((a, b) => a.sent - b.sent || a.begun - b.begun || rank(a.where) - rank(b.where));
	const first = new Map<string, Hop>();
	for (const hop of hops) if (!first.has(laneKey(hop))) first.set(laneKey(hop), hop);
	const lanes = [...first].sort(([, a], [, b]) => rank(a.where) - rank(b.where) || a.sent - b.sent)
		.map(([key, hop]) => ({ key, where: hop.where, actor: hop.actor }));
	const laneOf = (hop: Hop) => lanes.findIndex((lane) => lane.key === laneKey(hop));
	const bySpan = new Map(hops.map((hop) => [hop.span, hop]));
	const stations = hops.map((hop, i) => {
		const parent = hop.parent && hop.parent !== hop.span ? bySpan.get(hop.parent) : undefined;
		return { ...hop, lane: laneOf(hop), from: parent ? laneOf(parent) : -1, number: i + 1 };
	});
	const times = hops.flatMap(moments);
	return { lanes, stations, begin: Math.min(0, ...times), end: Math.max(request.took ?? 0, ...times, 1) };
}

function moments(hop: Hop): number[] {
	const { batch } = hop;
	return [hop.sent, hop.begun, hop.ended, ...(batch ? [batch.begun, batch.written, batch.synced] : [])];
}

// Scale gives each moment a height. Equal heights are not equal times: a gap
// grows with its logarithm, so that the order of events that are microseconds
// apart is to be seen beside a wait for the disk.
export class Scale {
	private readonly times: number[];
	private readonly heights: number[] = [];
	readonly height: number;

	constructor(stations: Station[], top: number) {
		this.times = [...new Set(stations.flatMap(moments))].sort((a, b) => a - b);
		let at = top;
		this.times.forEach((time, i) => {
			if (i > 0) at += gap(time - this.times[i - 1]!);
			this.heights.push(at);
		});
		this.height = at;
	}

	at(time: number): number {
		const exact = this.times.indexOf(time);
		if (exact >= 0) return this.heights[exact]!;
		const next = this.times.findIndex((t) => t > time);
		return next < 0 ? this.height : this.heights[Math.max(0, next - 1)]!;
	}

	// ticks are the moments that have room for a label.
	ticks(room: number): { time: number; at: number }[] {
		const chosen: { time: number; at: number }[] = [];
		this.times.forEach((time, i) => {
			const at = this.heights[i]!;
			if (chosen.length === 0 || at - chosen.at(-1)!.at >= room) chosen.push({ time, at });
		});
		return chosen;
	}
}

function gap(microseconds: number): number {
	return Math.min(110, 5 + 7.5 * Math.log2(1 + microseconds));
}

// shortActor names an actor where there is little room.
export function shortActor(lane: Lane): string {
	if (lane.actor === "") return "";
	const parts = lane.actor.split("/");
	if (lane.where === "channel" && parts.length > 2) return `${lastPart(parts.at(-2)!)}/${parts.at(-1)}`;
	return lane.where === "session" ? lane.actor : lastPart(lane.actor);
}

export interface Sums {
	waited: number;
	handled: number;
	disk: number; // from the batch's begin until it was safe
}

// An event that persistence took in waits for its batch, and then for the disk: a
// handler is at neither.

// starts is when a station's own work began.
export function starts({ begun, batch }: Hop): number {
	return batch ? Math.max(begun, batch.begun) : begun;
}

export function waited(hop: Hop): number {
	return Math.max(0, starts(hop) - hop.sent);
}

export function worked({ begun, ended, batch }: Hop): number {
	return Math.max(0, ended - (batch ? Math.max(begun, batch.synced) : begun));
}

export function sums(stations: Station[]): Sums {
	const total = { waited: 0, handled: 0, disk: 0 };
	for (const hop of stations) {
		total.waited += waited(hop);
		total.handled += worked(hop);
		if (hop.batch) total.disk = Math.max(total.disk, hop.batch.synced - hop.batch.begun);
	}
	return total;
}
