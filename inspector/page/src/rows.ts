// A list of any length of which only what is seen exists. Rows have one height, which
// may change with the window, and are used again as they scroll out.

import { h } from "./dom.ts";

export interface RowMaker<R> {
	height: number;
	make(): R;
	element(row: R): HTMLElement;
	draw(row: R, index: number): void;
}

const beyond = 6; // rows kept above and below what is seen

export class Rows<R> {
	readonly viewport: HTMLElement;
	readonly canvas: HTMLElement; // as high as all rows
	private count = 0;
	private height = 0; // of a row, as they were placed last
	private readonly used = new Map<number, R>();
	private readonly free: R[] = [];
	private frame = 0;
	private readonly sizes: ResizeObserver;

	constructor(private readonly maker: RowMaker<R>, attributes: Record<string, string>, rowsRole = "rowgroup") {
		this.canvas = h("div", { class: "rows-canvas", role: rowsRole });
		this.viewport = h("div", { class: "rows", ...attributes }, this.canvas);
		this.viewport.addEventListener("scroll", () => this.refresh(), { passive: true });
		this.sizes = new ResizeObserver(() => this.refresh());
		this.sizes.observe(this.viewport);
	}

	get length(): number {
		return this.count;
	}

	setCount(count: number): void {
		this.count = count;
		this.canvas.style.height = `${count * this.maker.height}px`;
		this.refresh();
	}

	// refresh draws what is seen, once in the next frame.
	refresh(): void {
		if (this.frame === 0) this.frame = requestAnimationFrame(() => this.drawNow());
	}

	// seen is the range of rows on the screen.
	seen(): [number, number] {
		const { scrollTop, clientHeight } = this.viewport;
		const from = Math.max(0, Math.floor(scrollTop / this.maker.height) - beyond);
		return [from, Math.min(this.count, Math.ceil((scrollTop + clientHeight) / this.maker.height) + beyond)];
	}

	page(): number {
		return Math.max(1, Math.floor(this.viewport.clientHeight / this.maker.height) - 1);
	}

	// reveal scrolls no further than it must.
	reveal(index: number): void {
		const { viewport, maker } = this;
		const top = index * maker.height, bottom = top + maker.height;
		if (top < viewport.scrollTop) viewport.scrollTop = top;
		else if (bottom > viewport.scrollTop + viewport.clientHeight) viewport.scrollTop = bottom - viewport.clientHeight;
		this.refresh();
	}

	row(index: number): R | undefined {
		return this.used.get(index);
	}

	drawNow(): void {
		cancelAnimationFrame(this.frame);
		this.frame = 0;
		if (this.height !== this.maker.height) {
			this.height = this.maker.height;
			this.canvas.style.height = `${this.count * this.height}px`;
			for (const [index, row] of this.used) this.place(row, index);
		}
		const [from, to] = this.seen();
		for (const [index, row] of this.used) {
			if (index >= from && index < to) continue;
			this.used.delete(index);
			this.free.push(row);
			this.maker.element(row).hidden = true;
		}
		for (let index = from; index < to; index++) {
			const row = this.used.get(index) ?? this.take(index);
			this.maker.draw(row, index);
		}
	}

	close(): void {
		cancelAnimationFrame(this.frame);
		this.sizes.disconnect();
	}

	private take(index: number): R {
		let row = this.free.pop();
		if (row === undefined) {
			row = this.maker.make();
			this.canvas.append(this.maker.element(row));
		}
		this.maker.element(row).hidden = false;
		this.place(row, index);
		this.used.set(index, row);
		return row;
	}

	private place(row: R, index: number): void {
		this.maker.element(row).style.transform = `translateY(${index * this.maker.height}px)`;
	}
}
