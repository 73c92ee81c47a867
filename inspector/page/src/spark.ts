// A small line of the last minute.

import { s } from "./dom.ts";

const width = 120, height = 28, length = 120;

export class Spark {
	readonly element: SVGSVGElement;
	private readonly line = s("path", { class: "spark-line" });
	private readonly area = s("path", { class: "spark-area" });
	private values: number[] = [];

	// most is the least that the height stands for.
	constructor(private readonly most: number) {
		this.element = s("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true" }, this.area, this.line);
	}

	add(value: number): void {
		this.values = [...this.values, value].slice(-length);
		const top = Math.max(this.most, ...this.values);
		const points = this.values.map((v, i) => {
			const x = width - (this.values.length - 1 - i) * (width / (length - 1));
			return `${x.toFixed(1)},${(height - 1 - (v / top) * (height - 3)).toFixed(1)}`;
		});
		const first = width - (this.values.length - 1) * (width / (length - 1));
		this.line.setAttribute("d", `M${points.join("L")}`);
		this.area.setAttribute("d", `M${first.toFixed(1)},${height}L${points.join("L")}L${width},${height}Z`);
	}
}
