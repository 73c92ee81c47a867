// Elements in one expression. Text goes in as text: nothing here can make HTML
// of what somebody called himself.

export type Child = Node | string | number | null | undefined | false | Child[];
type Attributes = Record<string, string | number | boolean | null | undefined | EventListener>;

function fill(element: Element, attributes: Attributes | null, children: Child[]): void {
	for (const [name, value] of Object.entries(attributes ?? {})) {
		if (typeof value === "function") element.addEventListener(name.slice(2), value);
		else if (value === true) element.setAttribute(name, "");
		else if (value != null && value !== false) element.setAttribute(name, String(value));
	}
	append(element, children);
}

function append(element: Element, children: Child[]): void {
	for (const child of children) {
		if (Array.isArray(child)) append(element, child);
		else if (child != null && child !== false) element.append(child instanceof Node ? child : String(child));
	}
}

// h makes an element. An attribute that begins with "on" is a listener.
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, attributes?: Attributes | null, ...children: Child[]): HTMLElementTagNameMap[K] {
	const element = document.createElement(tag);
	fill(element, attributes ?? null, children);
	return element;
}

// s makes an element of SVG.
export function s<K extends keyof SVGElementTagNameMap>(tag: K, attributes?: Attributes | null, ...children: Child[]): SVGElementTagNameMap[K] {
	const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
	fill(element, attributes ?? null, children);
	return element;
}

// set replaces what an element holds.
export function set(element: Element, ...children: Child[]): void {
	element.replaceChildren();
	append(element, children);
}

// say changes an element's text, and touches nothing where it is the same.
export function say(element: Element, text: string): void {
	if (element.textContent !== text) element.textContent = text;
}

// option is one of a choice.
export function option(value: string, text = value, chosen = false): HTMLOptionElement {
	const element = h("option", { value }, text);
	element.selected = chosen;
	return element;
}

// notice is an empty or an error state: what is the matter, and what to do.
export function notice(title: string, ...rest: Child[]): HTMLElement {
	return h("div", { class: "notice" }, h("p", { class: "notice-title" }, title), h("p", null, ...rest));
}

// code is a command or a name as it is typed.
export function code(text: string): HTMLElement {
	return h("code", null, text);
}
