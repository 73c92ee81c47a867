// One request to the server, its trouble in words.

export class Trouble extends Error {
	constructor(readonly status: number, message: string) {
		super(message);
	}
}

const words: Record<number, string> = {
	0: "The provider does not answer. Does it still run?",
	401: "The inspector wants its token. Open it once as /?token=… with the one in --admintokenfile.",
	404: "That is not there (any more).",
};

const agreed = 5000; // ms: clocks that are no further apart agree

let ahead = 0; // ms by which this browser's clock is before the provider's

// now is the time of the provider's clock, to which its moments belong.
export function now(): number {
	return Date.now() - ahead;
}

function compare(response: Response): void {
	const off = Date.now() - Date.parse(response.headers.get("Date") ?? "");
	if (Number.isFinite(off)) ahead = Math.abs(off) > agreed ? off : 0;
}

async function ask(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
	let response: Response;
	try {
		response = await fetch(path, {
			method,
			signal,
			headers: body === undefined ? undefined : { "Content-Type": "application/json" },
			body: body === undefined ? undefined : JSON.stringify(body),
		});
	} catch (cause) {
		if (signal?.aborted) throw cause;
		throw new Trouble(0, words[0]!);
	}
	compare(response);
	if (!response.ok) {
		throw new Trouble(response.status, words[response.status] ?? (await said(response)));
	}
	return response;
}

// said is what an answer gives as its reason.
async function said(response: Response): Promise<string> {
	let text = await response.text();
	try {
		text = (JSON.parse(text) as { error: string }).error;
	} catch {
		text = text.trim().slice(0, 300); // as "starting" is
	}
	return `The provider answers: ${text || response.status}.`;
}

// query makes a path of its values; what is undefined or "" is left out.
export function query(path: string, values: Record<string, string | number | undefined>): string {
	const given = Object.entries(values).filter(([, v]) => v !== undefined && v !== "");
	return given.length === 0 ? path : `${path}?${new URLSearchParams(given.map(([k, v]) => [k, String(v)]))}`;
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
	return (await ask("GET", path, undefined, signal)).json() as Promise<T>;
}

export async function post<T>(path: string, body: unknown): Promise<T> {
	return (await ask("POST", path, body)).json() as Promise<T>;
}

export async function remove(path: string): Promise<void> {
	await ask("DELETE", path);
}

// open begins an answer that does not end.
export async function open(path: string, signal: AbortSignal): Promise<ReadableStream<Uint8Array>> {
	const response = await ask("GET", path, undefined, signal);
	return response.body!;
}

// reason is what a person is told of an error.
export function reason(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}
