/** What is wrong with a certificate, a key or another file of theirs. */
export class TlsFault extends Error {
	/** The key that names the file. */
	readonly at: 'cert' | 'key' | 'ocsp' | 'ca';
	/** The file could not be read, which may pass without a change of it. */
	readonly unreadable: boolean;

	constructor(at: TlsFault['at'], message: string, unreadable = false) {
		super(message);
		this.at = at;
		this.unreadable = unreadable;
	}
}
