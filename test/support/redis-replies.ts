/** A reply of RESP2; an error reply is an Error, text is as its bytes (latin1). */
export type Reply = string | number | null | Error | readonly Reply[];

interface Parsed {
	readonly reply: Reply;
	/** Where the next one begins. */
	readonly end: number;
}

/** Replies out of a stream of bytes, however it is cut. */
export class ReplyReader {
	private rest: Buffer = Buffer.alloc(0);

	push(chunk: Buffer): Reply[] {
		this.rest = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
		const replies: Reply[] = [];
		let start = 0;
		for (let parsed = parse(this.rest, 0); parsed !== null; parsed = parse(this.rest, start)) {
			replies.push(parsed.reply);
			start = parsed.end;
		}
		this.rest = this.rest.subarray(start);
		return replies;
	}
}

function parse(bytes: Buffer, start: number): Parsed | null {
	const lineEnd = bytes.indexOf('\r\n', start);
	if (lineEnd < 0) return null;
	const line = bytes.toString('latin1', start + 1, lineEnd);
	const end = lineEnd + 2;
	switch (String.fromCharCode(bytes[start] ?? 0)) {
		case '+':
			return { reply: line, end };
		case '-':
			return { reply: new Error(line), end };
		case ':':
			return { reply: Number(line), end };
		case '$':
			return parseText(bytes, end, Number(line));
		case '*':
			return parseList(bytes, end, Number(line));
		default:
			throw new SyntaxError(`not RESP: ${JSON.stringify(bytes.toString('latin1', start, start + 40))}`);
	}
}

function parseText(bytes: Buffer, start: number, length: number): Parsed | null {
	if (length < 0) return { reply: null, end: start };
	const end = start + length + 2;
	return end > bytes.length ? null : { reply: bytes.toString('latin1', start, end - 2), end };
}

function parseList(bytes: Buffer, start: number, count: number): Parsed | null {
	if (count < 0) return { reply: null, end: start };
	const list: Reply[] = [];
	let end = start;
	while (list.length < count) {
		const parsed = parse(bytes, end);
		if (parsed === null) return null;
		list.push(parsed.reply);
		end = parsed.end;
	}
	return { reply: list, end };
}
