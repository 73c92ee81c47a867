// The picture of the whole tree on a canvas: boxes in boxes, coloured by kind,
// glowing where messages wait.

import { get, reason } from "./api.ts";
import type { Overview, TreeTick } from "./contract.ts";
import { h, say } from "./dom.ts";
import { count, many } from "./format.ts";
import { boxes, hasHead, headHeight, place, under, type Placed } from "./layout.ts";
import { cell, heat, label, outline, rounded } from "./paint.ts";
import { actorLink } from "./route.ts";
import { colour, kindColour, lessMotion, onTheme } from "./theme.ts";
import { Closer, debounced } from "./view.ts";

const fade = 2500; // ms in which a box cools down after its mailbox was last seen in use

export class OverviewPicture {
	readonly element: HTMLElement;
	private readonly canvas = h("canvas", { role: "img", "aria-label": "The supervision tree as boxes in boxes" });
	private readonly tip = h("div", { class: "tip", hidden: true });
	private readonly trouble = h("p", { class: "picture-trouble", hidden: true });
	private readonly base = document.createElement("canvas"); // the boxes
	private readonly names = document.createElement("canvas"); // above what is warm
	private data: Overview | null = null;
	private root: Placed | null = null;
	private byId = new Map<string, Placed>();
	private warm = new Map<string, { depth: number; at: number }>();
	private hovered: Placed | null = null;
	private marked = "";
	private frame = 0;
	private cooling = 0; // the timer of the next look at what is warm
	private asking = false;
	private askedAt = 0;
	private took = 0; // of asking and placing, in ms
	private readonly closer = new Closer();

	constructor(private readonly hover: (id: string) => void) {
		this.element = h("div", { class: "picture" }, this.canvas, this.tip, this.trouble);
		const sizes = new ResizeObserver(debounced(60, () => this.lay()));
		sizes.observe(this.element);
		this.closer.add(() => sizes.disconnect());
		this.closer.add(onTheme(() => this.drawBase()));
		this.canvas.addEventListener("pointermove", (event) => this.point(event));
		this.canvas.addEventListener("pointerleave", () => this.leave());
		this.canvas.addEventListener("click", (event) => {
			this.point(event);
			if (this.hovered && this.hovered.data.kind !== "group") location.hash = actorLink(this.hovered.data.id);
		});
		void this.ask();
	}

	close(): void {
		cancelAnimationFrame(this.frame);
		clearTimeout(this.cooling);
		this.closer.close();
	}

	// mark outlines an actor, that of the row where somebody is.
	mark(id: string): void {
		this.marked = id;
		this.draw();
	}

	// tick takes the second's news: who has messages, and whether the tree is another.
	tick(tick: TreeTick): void {
		const now = performance.now();
		for (const id of tick.changed ?? []) this.warm.set(id, { depth: Math.max(1, this.warm.get(id)?.depth ?? 1), at: now });
		for (const actor of tick.deepest ?? []) if (actor.depth > 0) this.warm.set(actor.id, { depth: actor.depth, at: now });
		this.draw();
		const rest = Math.max(2000, 30 * this.took); // the larger the tree, the rarer
		const changed = tick.count !== this.data?.count;
		if (now - this.askedAt > (changed ? rest : 5 * rest)) void this.ask();
	}

	private async ask(): Promise<void> {
		if (this.asking) return;
		this.asking = true;
		const begun = performance.now();
		try {
			this.data = await get<Overview>("/api/overview");
			this.trouble.hidden = true;
			this.lay();
		} catch (error) {
			this.trouble.hidden = false;
			say(this.trouble, reason(error));
		} finally {
			this.asking = false;
			this.askedAt = performance.now();
			this.took = this.askedAt - begun;
		}
	}

	private lay(): void {
		const { clientWidth: width, clientHeight: height } = this.element;
		if (!this.data || width === 0 || height === 0) return;
		this.root = place(boxes(this.data), width, height);
		this.byId = new Map(this.root.descendants().slice(1).map((node) => [node.data.id, node]));
		this.hovered = this.hovered ? this.byId.get(this.hovered.data.id) ?? null : null;
		const ratio = Math.min(2, devicePixelRatio || 1);
		for (const canvas of [this.canvas, this.base, this.names]) {
			canvas.width = Math.round(width * ratio);
			canvas.height = Math.round(height * ratio);
		}
		const perKind = Map.groupBy(this.root.descendants().slice(1), (node) => node.data.kind);
		this.canvas.setAttribute("aria-label", `The supervision tree, ${many(this.data.count, "actor")}: ` +
			[...perKind].filter(([kind]) => kind !== "group").map(([kind, nodes]) => `${count(nodes.length)} ${kind}`).join(", "));
		this.drawBase();
	}

	private drawBase(): void {
		if (!this.root) return;
		const [ink, pen] = [this.begin(this.base), this.begin(this.names)];
		const shown = this.root.descendants().slice(1);
		const holds = (node: Placed) => node.children !== undefined && node.x1 - node.x0 > 6;
		for (const node of shown) if (holds(node)) this.drawHolder(ink, pen, node);
		const leaves = Map.groupBy(shown.filter((node) => !holds(node)), (node) => node.data.kind);
		for (const [kind, nodes] of leaves) this.drawLeaves(ink, pen, kind, nodes);
		this.draw();
	}

	private begin(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
		const ink = canvas.getContext("2d")!;
		const ratio = canvas.width / this.element.clientWidth;
		ink.setTransform(ratio, 0, 0, ratio, 0, 0);
		ink.clearRect(0, 0, canvas.width, canvas.height);
		return ink;
	}

	private drawHolder(ink: CanvasRenderingContext2D, pen: CanvasRenderingContext2D, node: Placed): void {
		const hue = kindColour(node.data.kind);
		const width = node.x1 - node.x0, height = node.y1 - node.y0;
		ink.globalAlpha = 0.09;
		ink.fillStyle = hue;
		rounded(ink, node.x0, node.y0, width, height, width > 30 ? 5 : 1);
		ink.fill();
		ink.globalAlpha = 0.55;
		ink.strokeStyle = hue;
		ink.lineWidth = 1;
		if (width > 12) ink.stroke();
		ink.globalAlpha = 1;
		if (!hasHead(node)) return;
		const within = node.data.children.length + node.data.more;
		label(pen, node.data.name, node.x0 + 6, node.y0 + headHeight / 2 + 1.5, width - 12, colour("--ink"), "600 11px ", count(within));
	}

	private drawLeaves(ink: CanvasRenderingContext2D, pen: CanvasRenderingContext2D, kind: string, nodes: Placed[]): void {
		ink.fillStyle = kindColour(kind);
		ink.globalAlpha = 0.42;
		ink.beginPath();
		for (const node of nodes) ink.rect(...cell(node));
		ink.fill();
		ink.globalAlpha = 1;
		for (const node of nodes) {
			const width = node.x1 - node.x0;
			if (width < 40 || node.y1 - node.y0 < 16) continue;
			label(pen, node.data.name, node.x0 + 6, (node.y0 + node.y1) / 2 + 0.5, width - 12, colour("--ink"), "11px ");
		}
	}

	private draw(): void {
		if (this.frame === 0) this.frame = requestAnimationFrame(() => this.drawNow());
	}

	private drawNow(): void {
		this.frame = 0;
		if (!this.root || this.canvas.width === 0) return;
		const ink = this.begin(this.canvas);
		const { clientWidth, clientHeight } = this.element;
		ink.drawImage(this.base, 0, 0, clientWidth, clientHeight);
		this.drawHeat(ink);
		ink.drawImage(this.names, 0, 0, clientWidth, clientHeight);
		this.drawRestarts(ink);
		for (const node of [this.hovered, this.byId.get(this.marked)]) if (node) outline(ink, node);
		clearTimeout(this.cooling);
		if (this.warm.size > 0) this.cooling = window.setTimeout(() => this.draw(), 120);
	}

	private drawHeat(ink: CanvasRenderingContext2D): void {
		const now = performance.now();
		const hot = colour("--hot");
		for (const [id, { depth, at }] of this.warm) {
			const left = 1 - (now - at) / fade;
			const warmth = lessMotion() ? 1 : Math.min(1, 2 * left);
			const node = this.byId.get(id);
			if (left <= 0 || !node) {
				this.warm.delete(id);
				continue;
			}
			ink.globalAlpha = heat(depth) * warmth;
			ink.fillStyle = hot;
			if (!node.children) ink.fillRect(...cell(node));
			else {
				ink.fillRect(node.x0, node.y0, node.x1 - node.x0, hasHead(node) ? 3 : Math.min(3, node.y1 - node.y0));
			}
		}
		ink.globalAlpha = 1;
	}

	private drawRestarts(ink: CanvasRenderingContext2D): void {
		ink.fillStyle = colour("--bad");
		for (const node of this.byId.values()) {
			if (node.data.restarts === 0) continue;
			const size = Math.max(2, Math.min(7, (node.x1 - node.x0) / 3));
			ink.beginPath();
			ink.moveTo(node.x1 - size - 1, node.y0 + 1);
			ink.lineTo(node.x1 - 1, node.y0 + 1);
			ink.lineTo(node.x1 - 1, node.y0 + size + 1);
			ink.fill();
		}
	}

	private point(event: MouseEvent): void {
		if (!this.root) return;
		const node = under(this.root, event.offsetX, event.offsetY);
		if (node !== this.hovered) {
			this.hovered = node;
			this.hover(node?.data.id ?? "");
			this.tip.hidden = !node;
			if (node) this.explain(node);
			this.canvas.classList.toggle("leads", !!node && node.data.kind !== "group");
			this.draw();
		}
		const { clientWidth, clientHeight } = this.element;
		const x = Math.max(0, Math.min(event.offsetX + 14, clientWidth - this.tip.offsetWidth - 4));
		const y = event.offsetY + 18 + this.tip.offsetHeight > clientHeight ? event.offsetY - this.tip.offsetHeight - 10 : event.offsetY + 18;
		this.tip.style.transform = `translate(${x}px, ${Math.max(0, y)}px)`;
	}

	private explain(node: Placed): void {
		const { data } = node;
		const depth = Math.max(data.depth, this.warm.get(data.id)?.depth ?? 0);
		const facts = [data.kind === "group" ? "" : data.kind, data.children.length + data.more > 0 && many(data.children.length + data.more, "child", "children"),
			data.kind !== "group" && (depth > 0 ? `${many(depth, "message")} waiting` : "nothing waiting"), data.restarts > 0 && many(data.restarts, "restart")];
		this.tip.replaceChildren(h("strong", null, data.name), h("span", null, facts.filter(Boolean).join(" · ")), h("code", null, data.id));
	}

	private leave(): void {
		this.hovered = null;
		this.tip.hidden = true;
		this.hover("");
		this.draw();
	}
}
