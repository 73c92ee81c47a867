// A value of JSON as an outline that opens and closes.

import { h } from "./dom.ts";
import { many } from "./format.ts";

const openLevels = 2, openLength = 12;

function leaf(value: unknown): HTMLElement {
	const kind = value === null ? "null" : typeof value;
	return h("span", { class: `json-${kind}` }, kind === "string" ? JSON.stringify(value) : String(value));
}

function label(key: string | null): (HTMLElement | string)[] {
	return key === null ? [] : [h("span", { class: "json-key" }, key), ": "];
}

// json draws a value. Which parts are open is kept in opened, by path, so that
// it stays when the value is drawn anew.
export function json(value: unknown, opened: Map<string, boolean>, key: string | null = null, path = "", level = 0): HTMLElement {
	if (value === null || typeof value !== "object") return h("div", { class: "json-line" }, label(key), leaf(value));
	const list = Array.isArray(value);
	const entries: [string, unknown][] = list ? value.map((v, i) => [String(i), v]) : Object.entries(value);
	if (entries.length === 0) return h("div", { class: "json-line" }, label(key), h("span", { class: "dim" }, list ? "[ ]" : "{ }"));
	const body = h("div", { class: "json-body" });
	const summary = h("summary", null, label(key), h("span", { class: "dim" }, list ? `[ ${many(entries.length, "entry", "entries")} ]` : `{ ${many(entries.length, "field")} }`));
	const element = h("details", { class: "json" }, summary, body);
	const fill = () => {
		if (element.open && body.childElementCount === 0) body.append(...entries.map(([k, v]) => json(v, opened, k, `${path}/${k}`, level + 1)));
	};
	element.open = opened.get(path) ?? (level < openLevels && entries.length <= openLength || level === 0);
	element.addEventListener("toggle", () => {
		opened.set(path, element.open);
		fill();
	});
	fill();
	return element;
}
