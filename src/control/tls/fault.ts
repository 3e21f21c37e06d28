/** What is wrong with a certificate, a key or another file of theirs; `at`: the key that names the file. */
export class TlsFault extends Error {
	readonly at: 'cert' | 'key' | 'ocsp' | 'ca';

	constructor(at: TlsFault['at'], message: string) {
		super(message);
		this.at = at;
	}
}
