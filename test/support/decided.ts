/** Byte by byte: after how many of them `read` answers something else than `need-more` for the first time, and what. */
export function decided<Result extends { readonly type: string }>(
	bytes: Uint8Array,
	read: (prefix: Uint8Array) => Result,
): [after: number, result: Result] {
	for (let length = 0; length < bytes.length; length++) {
		const result = read(bytes.subarray(0, length));
		if (result.type !== 'need-more') return [length, result];
	}
	return [bytes.length, read(bytes)];
}
