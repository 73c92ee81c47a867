// Boxes in boxes for the picture of the whole tree: an actor's box holds those
// that it supervises. Many alike become a grid, which stays as it is when one
// more comes.

import { hierarchy, treemap, treemapSquarify, type HierarchyRectangularNode } from "d3-hierarchy";
import type { Overview } from "./contract.ts";
import { lastPart } from "./parts.ts";

export interface Box {
	index: number; // in the overview; -1 for the whole
	id: string;
	name: string;
	kind: string;
	depth: number;
	restarts: number;
	more: number; // that are not drawn
	children: Box[];
}

export type Placed = HierarchyRectangularNode<Box>;

export const headHeight = 17;

// The few actors that there is one of stand in a strip of their own, so that they
// are always to be found.
const singular = new Set(["router", "passwords", "persistence"]);
const strip = 30; // px
const leastFamily = 0.4; // of the largest one's area

// boxes makes the tree of the list that the server sends: parents come first.
export function boxes(overview: Overview): Box {
	const whole: Box = { index: -1, id: "", name: "", kind: "group", depth: 0, restarts: 0, more: 0, children: [] };
	const all: Box[] = [];
	overview.nodes.forEach(([parent, kind, depth, restarts, part, more, label], index) => {
		const above = all[parent] ?? whole;
		const box: Box = { index, id: above === whole ? part : `${above.id}/${part}`, name: label || (part === "conn" ? "connections" : lastPart(part)), kind: overview.kinds[kind] ?? "group", depth, restarts, more: more ?? 0, children: [] };
		above.children.push(box);
		all.push(box);
	});
	for (const box of all) if (box.children.length > 1) box.children.sort(byName);
	whole.children.sort((a, b) => Number(a.kind === "group") - Number(b.kind === "group"));
	return whole;
}

// byName keeps each box where it is, whoever comes and goes; 9 is before 10.
function byName(a: Box, b: Box): number {
	return a.id.length - b.id.length || (a.id < b.id ? -1 : 1);
}

// weigh gives each box its area: what it holds. Near the root a small family gets
// more than its due, or beside a crowd nothing of it would be seen.
function weigh(node: Placed): void {
	const { children } = node;
	const mutable = node as { value: number };
	mutable.value = 1 + node.data.more ** 0.8;
	if (!children) return;
	if (node.depth <= 1) {
		const least = leastFamily * Math.max(...children.map((child) => child.value!));
		for (const child of children) (child as { value: number }).value = Math.max(child.value!, least);
	}
	mutable.value += children.reduce((total, child) => total + child.value!, 0);
}

function tile(node: Placed, x0: number, y0: number, x1: number, y1: number): void {
	const singles = node.children!.filter((child) => singular.has(child.data.kind));
	const others = node.children!.filter((child) => !singular.has(child.data.kind));
	let edge = y1;
	if (singles.length > 0 && others.length > 0) {
		edge = y1 - Math.min(strip, (y1 - y0) / 4);
		row(singles, x0, edge + 3, x1, y1);
	}
	spread(others.length > 0 ? others : singles, x0, y0, x1, edge);
}

// spread fills a rectangle with boxes whose areas are their values.
function spread(children: Placed[], x0: number, y0: number, x1: number, y1: number): void {
	const first = children[0]!.value!;
	if (children.length > 3 && children.every((child) => child.value === first)) {
		grid(children, x0, y0, x1, y1);
		return;
	}
	const value = children.reduce((total, child) => total + child.value!, 0);
	treemapSquarify({ children, value } as unknown as Placed, x0, y0, x1, y1);
}

function row(children: Placed[], x0: number, y0: number, x1: number, y1: number): void {
	const wide = (x1 - x0) / children.length;
	children.forEach((child, i) => Object.assign(child, { x0: x0 + i * wide, x1: x0 + (i + 1) * wide - 3, y0, y1: Math.max(y0, y1) }));
}

// grid places equal boxes in rows of equal length.
function grid(children: Placed[], x0: number, y0: number, x1: number, y1: number): void {
	const n = children.length, width = Math.max(0, x1 - x0), height = Math.max(0, y1 - y0);
	const columns = Math.max(1, Math.min(n, Math.round(Math.sqrt((n * width) / Math.max(1, height)))));
	const rows = Math.ceil(n / columns);
	const wide = width / columns, high = Math.min(height / rows, 3 * wide);
	children.forEach((child, i) => {
		const x = x0 + (i % columns) * wide, y = y0 + Math.floor(i / columns) * high;
		child.x0 = x;
		child.x1 = x + wide;
		child.y0 = y;
		child.y1 = y + high;
	});
}

// hasHead tells whether a box shows its name above what it holds.
export function hasHead(node: Placed): boolean {
	return node.children !== undefined && node.x1 - node.x0 >= 44 && node.y1 - node.y0 >= 40;
}

export function place(whole: Box, width: number, height: number): Placed {
	const root = hierarchy(whole) as Placed;
	root.eachAfter(weigh);
	const inset = (node: Placed) => (node.depth === 0 || node.x1 - node.x0 < 8 ? 0 : node.x1 - node.x0 < 30 ? 1 : 4);
	return treemap<Box>().size([width, height]).round(false).tile(tile)
		.paddingInner((node) => (node.depth === 0 ? 8 : node.x1 - node.x0 > 80 && node.children!.length < 300 ? 3 : 0))
		.paddingOuter(inset)
		.paddingTop((node) => (node.depth > 0 && hasHead(node) ? headHeight + 2 : inset(node)))(root);
}

// under finds the innermost box at a point.
export function under(root: Placed, x: number, y: number): Placed | null {
	let node = root;
	for (;;) {
		const inner = node.children?.find((c) => x >= c.x0 && x < c.x1 && y >= c.y0 && y < c.y1);
		if (!inner) return node === root ? null : node;
		node = inner;
	}
}
