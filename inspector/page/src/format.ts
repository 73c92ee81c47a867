// Figures as people read them.

const plain = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export function count(n: number): string {
	return plain.format(n);
}

// rounded keeps three digits of a figure, at most one of them after the point.
function rounded(n: number): string {
	return n >= 100 || Number.isInteger(n) ? plain.format(n) : n.toFixed(1);
}

export function rate(n: number | null | undefined): string {
	if (n == null) return "–";
	if (n > 0 && n < 0.1) return "<0.1";
	return rounded(n);
}

// processors is how many are in use, which is often a small part of one.
export function processors(n: number): string {
	return n < 1 ? String(Number(n.toPrecision(2))) : rate(n);
}

// duration is a text for microseconds.
export function duration(us: number | null | undefined): string {
	if (us == null || !Number.isFinite(us)) return "–";
	if (us < 0.05) return "0 µs";
	if (us < 1000) return (us < 10 && !Number.isInteger(us) ? us.toFixed(1) : plain.format(us)) + " µs";
	if (us < 1e6) return rounded(us / 1000) + " ms";
	if (us < 120e6) return rounded(us / 1e6) + " s";
	return span(us / 1000);
}

// exactly is a duration in microseconds as long as that can be read.
export function exactly(us: number): string {
	return us >= 1000 && us < 100_000 ? `${plain.format(us)} µs` : duration(us);
}

// span is a longer time in its two largest units, of milliseconds.
export function span(ms: number): string {
	const seconds = Math.max(0, Math.floor(ms / 1000));
	if (seconds < 60) return `${seconds} s`;
	const minutes = Math.floor(seconds / 60);
	if (minutes < 60) return `${minutes} min ${seconds % 60} s`;
	const hours = Math.floor(minutes / 60);
	if (hours < 48) return `${hours} h ${minutes % 60} min`;
	return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

// age is a span in its largest unit alone.
export function age(ms: number): string {
	return span(ms).split(" ").slice(0, 2).join(" ");
}

export function bytes(n: number | null | undefined): string {
	if (n == null) return "–";
	if (n < 1024) return `${plain.format(n)} B`;
	for (const unit of ["KiB", "MiB", "GiB"]) {
		n /= 1024;
		if (n < 1024) return `${rounded(n)} ${unit}`;
	}
	return `${rounded(n / 1024)} TiB`;
}

export function percent(share: number | null | undefined): string {
	if (share == null) return "–";
	if (share > 0 && share < 0.001) return "<0.1 %";
	return `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`;
}

const hour = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

// clock is the time of day of milliseconds since 1970.
export function clock(ms: number): string {
	return hour.format(ms);
}

const instant = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });

// precise is clock with milliseconds, which tell what came first.
export function precise(ms: number): string {
	return instant.format(ms);
}

export function moment(ms: number): string {
	return new Date(ms).toISOString().replace("T", " ").replace("Z", " UTC");
}

// many is a count with its noun.
export function many(n: number, noun: string, plural = `${noun}s`): string {
	return `${count(n)} ${n === 1 ? noun : plural}`;
}
