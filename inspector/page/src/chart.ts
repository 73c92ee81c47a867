// A line chart of the last minutes, in the page's colours.

import uPlot from "uplot";
import { h, say } from "./dom.ts";
import { clock } from "./format.ts";
import { colour, onTheme } from "./theme.ts";

export interface Line<T> {
	name: string;
	colour: number; // 1 to 6
	value(sample: T): number | null | undefined;
	dash?: boolean;
	area?: boolean;
}

export interface ChartOptions<T> {
	title: string;
	lines: Line<T>[];
	show(n: number): string;
	logarithmic?: boolean;
	binary?: boolean; // the axis counts in powers of two
}

const height = 150, window_ = 300; // s on the axis

export class Chart<T> {
	readonly element: HTMLElement;
	private readonly place = h("div", { class: "plot" });
	private readonly title: HTMLElement;
	private plot: uPlot | null = null;
	private samples: readonly { at: number; sample: T | null }[] = [];
	private readonly sizes: ResizeObserver;
	private readonly stopTheme: () => void;

	constructor(private options: ChartOptions<T>) {
		this.title = h("figcaption", null, options.title);
		this.element = h("figure", { class: "panel chart" }, this.title, this.place);
		this.sizes = new ResizeObserver(() => requestAnimationFrame(() => this.fit()));
		this.sizes.observe(this.element);
		this.stopTheme = onTheme(() => this.make());
	}

	// change draws other lines.
	change(options: ChartOptions<T>): void {
		this.options = options;
		say(this.title, options.title);
		this.make();
	}

	show(samples: readonly { at: number; sample: T | null }[]): void {
		this.samples = samples;
		if (!this.plot) this.make();
		else this.plot.setData(this.data());
		const last = samples.at(-1)?.sample;
		if (last) this.place.setAttribute("aria-label", `${this.options.title}. Now ${this.options.lines.map((l) => `${l.name} ${this.text(l.value(last))}`).join(", ")}.`);
	}

	close(): void {
		this.sizes.disconnect();
		this.stopTheme();
		this.plot?.destroy();
	}

	private text(value: number | null | undefined): string {
		return value == null ? "–" : this.options.show(value);
	}

	private data(): uPlot.AlignedData {
		const low = this.options.logarithmic;
		return [this.samples.map((s) => s.at / 1000), ...this.options.lines.map((line) => this.samples.map(({ sample }) => {
			const value = sample === null ? null : line.value(sample) ?? null;
			return low && value !== null && value <= 0 ? null : value;
		}))];
	}

	private fit(): void {
		const width = this.place.clientWidth;
		if (width === 0) return;
		if (!this.plot) this.make();
		else if (this.plot.width !== width) this.plot.setSize({ width, height });
	}

	private make(): void {
		const width = this.place.clientWidth;
		this.plot?.destroy();
		this.plot = null;
		if (width === 0) return;
		const { lines, show, logarithmic, binary } = this.options;
		const whole = (_: uPlot, splits: number[]) => splits.map((v) => (Math.log10(v) % 1 === 0 ? v : null)); // decades alone
		const axis = { stroke: colour("--dim"), font: "11px system-ui, sans-serif", ticks: { show: false }, grid: { stroke: colour("--grid"), width: 1 } };
		this.place.setAttribute("role", "img");
		this.plot = new uPlot({
			width, height, padding: [8, 26, 0, 0],
			cursor: { sync: { key: "flow" }, points: { size: 6 }, drag: { x: false, y: false } },
			legend: { live: true },
			scales: {
				x: { time: false, range: () => [Date.now() / 1000 - Math.min(window_, Math.max(30, this.spanned())), Date.now() / 1000] },
				y: logarithmic ? { distr: 3, range: (_, min, max) => decades(min, max) } : { range: (_, __, max) => [0, max > 0 ? max * 1.1 : 1] },
			},
			axes: [
				{ ...axis, size: 22, space: 70, values: (_, splits) => splits.map((t) => clock(t * 1000)) },
				{ ...axis, size: 58, space: 32, values: (_, splits) => splits.map((v) => (v == null ? "" : show(v))), 
					...(binary && { incrs: doubled }), ...(logarithmic && { filter: whole, grid: { ...axis.grid, filter: whole } }) },
			],
			series: [{ value: (_, v) => (v == null ? "" : clock(v * 1000)) }, ...lines.map((line) => {
				const stroke = colour(`--series-${line.colour}`);
				return { label: line.name, stroke, width: 1.75, spanGaps: false, points: { show: false }, dash: line.dash ? [5, 4] : undefined, fill: line.area ? stroke.replace("rgb(", "rgba(").replace(")", ", 0.1)") : undefined, value: (_: uPlot, v: number | null) => this.legend(v, line) };
			})],
		}, this.data(), this.place);
	}

	// legend is a line's figure: under the cursor, or else the newest.
	private legend(value: number | null, line: Line<T>): string {
		const last = this.samples.at(-1)?.sample;
		return this.text(value ?? (this.plot?.cursor.idx == null && last ? line.value(last) : null));
	}

	private spanned(): number {
		return this.samples.length === 0 ? 0 : (Date.now() - this.samples[0]!.at) / 1000;
	}
}

const doubled = Array.from({ length: 45 }, (_, i) => 2 ** i);

function decades(min: number | null, max: number | null): [number, number] {
	if (min == null || max == null || max <= 0) return [1, 1000];
	return [10 ** Math.floor(Math.log10(Math.max(min, 1e-3))), 10 ** Math.ceil(Math.log10(max * 1.01))];
}
