// How the picture of the whole tree is painted: boxes, warmth, names.

import type { Placed } from "./layout.ts";
import { colour } from "./theme.ts";

// heat is how warm a mailbox of a depth looks, 0 to 1.
export function heat(depth: number): number {
	return depth <= 0 ? 0 : Math.min(0.9, 0.25 + Math.log10(depth) / 3);
}

// cell is a leaf's rectangle, with a gap where there is room for one.
export function cell(node: Placed): [number, number, number, number] {
	const width = node.x1 - node.x0, height = node.y1 - node.y0;
	const gap = Math.min(width, height) >= 4 ? 1 : 0;
	return [node.x0, node.y0, Math.max(0.5, width - gap), Math.max(0.5, height - gap)];
}

export function rounded(ink: CanvasRenderingContext2D, x: number, y: number, width: number, height: number, radius: number): void {
	ink.beginPath();
	ink.roundRect(x + 0.5, y + 0.5, Math.max(0, width - 1), Math.max(0, height - 1), radius);
}

export function outline(ink: CanvasRenderingContext2D, node: Placed): void {
	ink.strokeStyle = colour("--accent");
	ink.lineWidth = 2;
	rounded(ink, node.x0 - 1, node.y0 - 1, node.x1 - node.x0 + 2, node.y1 - node.y0 + 2, 4);
	ink.stroke();
}

const family = "system-ui, -apple-system, sans-serif";

// label writes a name where there is room for it, and a figure after it.
export function label(ink: CanvasRenderingContext2D, text: string, x: number, y: number, width: number, fill: string, font: string, figure = ""): void {
	ink.font = font + family;
	ink.textBaseline = "middle";
	ink.fillStyle = fill;
	const figureWide = figure ? ink.measureText(figure).width + 8 : 0;
	const shown = shortened(ink, text, width);
	if (shown === "") return;
	ink.fillText(shown, x, y);
	const used = ink.measureText(shown).width;
	if (!figure || used + figureWide > width) return;
	ink.globalAlpha = 0.6;
	ink.fillText(figure, x + width - figureWide + 8, y);
	ink.globalAlpha = 1;
}

// shortened takes out of a name's middle what has no room: names often begin alike. What
// would be too short to tell anything is "".
function shortened(ink: CanvasRenderingContext2D, text: string, width: number): string {
	if (ink.measureText(text).width <= width) return text;
	for (let letters = Math.min(text.length - 1, Math.floor(width / 3)); letters > 5; letters--) {
		const head = Math.floor(letters / 3);
		const shown = `${text.slice(0, head)}…${text.slice(head - letters)}`;
		if (ink.measureText(shown).width <= width) return shown;
	}
	return "";
}
