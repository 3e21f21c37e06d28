/** What tmux writes for the looks of a cell (`capture-pane -e`), of those that are used here. ECMA-48, 8.3.117 SGR. */
const STYLES: ReadonlyMap<number, string> = new Map([
	[1, 'font-weight:bold'],
	[2, 'opacity:.6'],
	[7, 'background:#e6e9eb;color:#14171a'],
	[31, 'color:#ff8a80'],
	[32, 'color:#56d084'],
	[33, 'color:#e8c15a'],
]);
/** Back to the plain colour; the others say what ends by themselves. */
const ENDS: ReadonlyMap<number, readonly number[]> = new Map([
	[22, [1, 2]],
	[27, [7]],
	[39, [31, 32, 33]],
]);

/** A page that looks like the terminal whose lines these are. */
export function terminalPage(text: string): string {
	return `<!doctype html><meta charset="utf-8"><style>
body { margin: 0; background: #14171a; }
pre { display: inline-block; margin: 0; padding: 16px 20px; color: #e6e9eb; font: 14px/1.35 "DejaVu Sans Mono", "Liberation Mono", monospace; }
</style><pre>${markup(text.trimEnd())}</pre>`;
}

export function markup(text: string): string {
	const on = new Set<number>();
	let made = '';
	// Every second part is what stood between `ESC [` and `m`.
	text.split(/\p{Cc}\[([\d;]*)m/u).forEach((part, at) => {
		if (at % 2 === 1) for (const code of part.split(';')) apply(on, Number(code));
		else if (part !== '')
			made += `<span style="${[...on].map((code) => STYLES.get(code)).join(';')}">${escaped(part)}</span>`;
	});
	return made;
}

function apply(on: Set<number>, code: number): void {
	if (code === 0) on.clear();
	for (const ended of ENDS.get(code) ?? []) on.delete(ended);
	if (STYLES.has(code)) on.add(code);
}

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
