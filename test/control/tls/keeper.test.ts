import {
	copyFileSync,
	mkdirSync,
	renameSync,
	rmSync,
	symlinkSync,
	truncateSync,
	utimesSync,
	writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { parseConfigObject } from '../../../src/control/config/load.ts';
import type { Config } from '../../../src/control/config/schema.ts';
import { TlsFault } from '../../../src/control/tls/fault.ts';
import { readUse, type TlsFiles, useKey } from '../../../src/control/tls/files.ts';
import { LOOK_MS, MAX_LOOKS, REMIND_MS, TlsKeeper } from '../../../src/control/tls/keeper.ts';
import type { LogEvent } from '../../../src/core/record.ts';
import { certificateAuthority, type Issued } from '../../support/certificates.ts';

const authority = certificateAuthority(t);
const other = certificateAuthority(t, 'Other CA');
const first = authority.issue(['first.example'], { days: 100 });
const second = authority.issue(['second.example'], { days: 200 });
const third = authority.issue(['third.example']);
const DAY_MS = 86_400_000;

let folders = 0;

/** A keeper of the certificates in a folder of its own, whose looks happen when the test says so. */
class Kept {
	readonly folder: string;
	readonly logged: LogEvent[] = [];
	readonly keeper: TlsKeeper;
	nowMs = Date.now();
	/** What the next readings meet. */
	failure: TlsFault | null = null;
	changes = 0;
	private tick: (() => void) | null = null;
	private config: Config | null = null;
	private snapshot = 0;

	constructor(t: Test) {
		folders += 1;
		this.folder = join(authority.folder, `kept-${folders}`);
		mkdirSync(this.folder);
		const log =
			(level: LogEvent['level']) =>
			(msg: string, fields: LogEvent['fields'] = {}) =>
				void this.logged.push({ level, msg, fields });
		this.keeper = new TlsKeeper({
			log: { info: log('info'), warn: log('warn'), error: log('error') },
			nowMs: () => this.nowMs,
			read: (use) => (this.failure === null ? readUse(use) : Promise.reject(this.failure)),
			every: (ms, run) => {
				t.equal(ms, LOOK_MS);
				this.tick = run;
				return () => {
					this.tick = null;
				};
			},
			changed: () => {
				this.changes += 1;
			},
		});
	}

	path(name: string): string {
		return join(this.folder, name);
	}

	put(issued: Issued, name = 'a'): void {
		copyFileSync(issued.certFile, this.path(`${name}.pem`));
		copyFileSync(issued.keyFile, this.path(`${name}.key`));
	}

	/** Puts a configuration with these certificates in force. */
	async start(names: readonly string[] = ['a'], ca?: string): Promise<void> {
		this.config = parseConfigObject({
			listeners: [
				{
					name: 'game',
					bind: '127.0.0.1:0',
					tls: {
						mode: 'terminate',
						certificates: names.map((name) => ({ cert: this.path(`${name}.pem`), key: this.path(`${name}.key`) })),
						...(ca !== undefined && { clientAuth: { ca: this.path(ca) } }),
					},
					routes: [{ to: ['main'] }],
				},
			],
			pools: [{ name: 'main', backends: [{ address: '127.0.0.1:9' }] }],
		});
		this.adopt(await this.keeper.prepare(this.config));
	}

	adopt(files: TlsFiles): void {
		if (this.config === null) throw new Error('not started');
		this.snapshot += 1;
		this.keeper.adopt(this.config, files, this.snapshot);
	}

	get watching(): boolean {
		return this.tick !== null;
	}

	async look(): Promise<void> {
		this.tick?.();
		await this.keeper.rested();
	}

	/** Two looks, and what changed is put in force, as the application does. */
	async settle(): Promise<void> {
		for (let i = 0; i < 2; i++) await this.look();
		const renewed = this.keeper.renewed;
		if (renewed !== null) this.adopt(renewed);
	}

	/** The names in force of a certificate. */
	names(name = 'a'): readonly string[] {
		const [cert, key] = [this.path(`${name}.pem`), this.path(`${name}.key`)];
		const reading = this.keeper.current.get(useKey({ type: 'pair', files: { cert, key, ocsp: null } }));
		return reading?.type === 'pair' ? reading.pair.names : [];
	}

	messages(): string[] {
		return this.logged.map(({ msg }) => msg);
	}
}

async function kept(t: Test, issued = first): Promise<Kept> {
	const made = new Kept(t);
	made.put(issued);
	await made.start();
	return made;
}

t.test('a pair that is replaced is read when it has settled, put in force and told', async (t) => {
	const house = await kept(t);
	await house.settle();
	t.equal(house.changes, 0);
	house.put(second);
	await house.look();
	t.equal(house.keeper.renewed, null, 'it may still be changing');
	await house.settle();
	t.same(house.names(), ['second.example']);
	t.equal(house.changes, 1);
	t.match(house.logged, [
		{
			level: 'info',
			msg: 'certificate changed',
			fields: { listener: 'game', file: house.path('a.pem'), notAfter: /^20\d\d-.*Z$/, snapshot: 2 },
		},
	]);
	await house.settle();
	await house.settle();
	t.equal(house.logged.length, 1, 'once');
});

t.test('a certificate that is there before its key waits for it', async (t) => {
	const house = await kept(t);
	copyFileSync(second.certFile, house.path('a.pem'));
	for (let i = 0; i < 3; i++) await house.settle();
	t.same(house.names(), ['first.example'], 'the old pair stays');
	t.match(house.logged, [
		{
			level: 'error',
			msg: 'certificate not reread',
			fields: {
				listener: 'game',
				file: house.path('a.key'),
				reason: 'the key does not belong to the certificate',
				kept: /^valid until 20\d\d-/,
			},
		},
	]);
	t.equal(house.logged.length, 1, 'told once');
	copyFileSync(second.keyFile, house.path('a.key'));
	await house.settle();
	t.same(house.names(), ['second.example']);
});

t.test('what cannot be used leaves the old pair in force, is told once, and heals', async (t) => {
	const spoil: Readonly<Record<string, readonly [(house: Kept) => void, string]>> = {
		'half a certificate': [(house) => truncateSync(house.path('a.pem'), 99), 'it holds no certificate in PEM form'],
		'an empty key': [(house) => truncateSync(house.path('a.key'), 0), 'it holds no private key in PEM form'],
		'a missing key': [(house) => rmSync(house.path('a.key')), 'no such file'],
		'a directory': [
			(house) => {
				rmSync(house.path('a.pem'));
				mkdirSync(house.path('a.pem'));
			},
			'it is a directory',
		],
	};
	for (const [name, [ruin, reason]] of Object.entries(spoil)) {
		const house = await kept(t);
		ruin(house);
		for (let i = 0; i < 3; i++) await house.settle();
		t.same(
			house.logged.map(({ level, fields }) => [level, fields.reason]),
			[['error', reason]],
			name,
		);
		t.notMatch(JSON.stringify(house.logged), /BEGIN/);
		t.same(house.names(), ['first.example'], name);
		rmSync(house.path('a.pem'), { recursive: true, force: true });
		house.put(second);
		await house.settle();
		t.same(house.names(), ['second.example'], name);
	}
});

t.test('what could not be read is tried again without a change, and told once', async (t) => {
	const house = await kept(t);
	house.put(second);
	house.failure = new TlsFault('key', 'too many open files', true);
	for (let i = 0; i < 3; i++) await house.settle();
	t.match(house.logged, [{ fields: { file: house.path('a.key'), reason: 'too many open files' } }]);
	t.equal(house.logged.length, 1);
	house.failure = null;
	await house.look();
	t.equal(house.changes, 1);
});

t.test('links that are turned to another folder are followed', async (t) => {
	const house = new Kept(t);
	for (const [name, issued] of [
		['one', first],
		['two', second],
	] as const) {
		mkdirSync(house.path(name));
		house.put(issued, `${name}/a`);
	}
	symlinkSync('one', house.path('live'));
	await house.start(['live/a']);
	symlinkSync('two', house.path('next'));
	renameSync(house.path('next'), house.path('live'));
	await house.settle();
	t.same(house.names('live/a'), ['second.example']);
	t.same(house.messages(), ['certificate changed']);
});

t.test('files that are touched and say the same are no change', async (t) => {
	const house = await kept(t);
	utimesSync(house.path('a.pem'), 1, 1);
	await house.settle();
	house.put(first);
	await house.settle();
	t.equal(house.changes, 0);
	t.same(house.logged, []);
});

t.test('one bad pair does not keep another from changing, and is not told again for it', async (t) => {
	const house = new Kept(t);
	house.put(first, 'a');
	house.put(first, 'b');
	await house.start(['a', 'b']);
	truncateSync(house.path('a.pem'), 9);
	await house.settle();
	house.put(second, 'b');
	await house.settle();
	t.same([house.names('a'), house.names('b')], [['first.example'], ['second.example']]);
	for (let i = 0; i < 3; i++) await house.settle();
	t.same(house.messages(), ['certificate not reread', 'certificate changed']);
	house.put(third, 'a');
	await house.settle();
	t.same([house.names('a'), house.names('b')], [['third.example'], ['second.example']]);
});

t.test('a change that comes while another is put in force is not lost', async (t) => {
	const house = new Kept(t);
	house.put(first, 'a');
	house.put(first, 'b');
	await house.start(['a', 'b']);
	house.put(second, 'a');
	await house.look();
	await house.look();
	const renewed = house.keeper.renewed;
	house.put(third, 'a');
	house.put(third, 'b');
	await house.look();
	await house.look();
	if (renewed !== null) house.adopt(renewed);
	t.same([house.names('a'), house.names('b')], [['second.example'], ['first.example']]);
	await house.settle();
	t.same([house.names('a'), house.names('b')], [['third.example'], ['third.example']]);
});

t.test('a reload reads everything now, tells what is new and watches no more than it names', async (t) => {
	const house = new Kept(t);
	house.put(first, 'a');
	house.put(first, 'b');
	await house.start(['a', 'b']);
	house.put(second, 'a');
	await house.start(['a']);
	t.same(house.names(), ['second.example']);
	t.same(house.messages(), ['certificate changed']);
	house.put(third, 'b');
	await house.settle();
	t.equal(house.changes, 0);
	rmSync(house.path('a.key'));
	await t.rejects(house.start(['a']), /certificates\[0\]\.key: cannot use .*a\.key: no such file/);
	t.same(house.names(), ['second.example']);
});

t.test('authorities are watched, too', async (t) => {
	const house = new Kept(t);
	house.put(first);
	copyFileSync(authority.certFile, house.path('ca.pem'));
	await house.start(['a'], 'ca.pem');
	copyFileSync(other.certFile, house.path('ca.pem'));
	await house.settle();
	const reading = house.keeper.current.get(useKey({ type: 'authorities', file: house.path('ca.pem') }));
	t.match(reading, { pem: other.cert.trim() });
	t.match(house.logged, [{ msg: 'certificate changed', fields: { file: house.path('ca.pem') } }]);
});

t.test('the end of a certificate is told when it is near, once a day', async (t) => {
	const house = await kept(t);
	const end = house.nowMs + 100 * DAY_MS;
	t.same(house.messages(), []);
	house.nowMs = end - 14.5 * DAY_MS;
	await house.look();
	t.same(house.messages(), []);
	for (const [pass, days] of [
		[REMIND_MS, 13],
		[REMIND_MS / 2, null],
		[REMIND_MS / 2, 12],
	] as const) {
		house.logged.length = 0;
		house.nowMs += pass;
		await house.look();
		t.same(
			house.logged.map(({ level, msg, fields }) => [level, msg, fields.days]),
			days === null ? [] : [['warn', 'certificate expires soon', days]],
		);
	}
	house.nowMs = end + DAY_MS;
	await house.look();
	t.match(house.logged.at(-1), { level: 'warn', msg: 'certificate has expired' });
	house.logged.length = 0;
	house.nowMs -= 300 * DAY_MS;
	await house.look();
	t.match(house.logged, [{ msg: 'certificate is not valid yet' }], 'a clock that is turned back');
});

t.test('what is said of a new certificate is said when it comes', async (t) => {
	const house = await kept(t);
	writeFileSync(house.path('a.pem'), second.cert + other.cert);
	copyFileSync(second.keyFile, house.path('a.key'));
	await house.settle();
	t.same(house.messages(), ['certificate changed', 'certificate chain is out of order']);
});

t.test('of many certificates each has its turn', async (t) => {
	const house = new Kept(t);
	const names = Array.from({ length: MAX_LOOKS + 50 }, (_, i) => `c${i}`);
	for (const name of names) house.put(first, name);
	await house.start(names);
	house.put(second, 'c149');
	house.put(second, 'c0');
	const looks = Math.ceil(names.length / MAX_LOOKS);
	for (let i = 0; i < looks; i++) await house.settle();
	t.same([house.names('c0'), house.names('c149'), house.names('c75')].flat(), [
		'second.example',
		'second.example',
		'first.example',
	]);
});

t.test('nothing is put in force after the end', async (t) => {
	const house = await kept(t);
	house.put(second);
	await house.look();
	const last = house.look();
	house.keeper.stop();
	await last;
	t.equal(house.changes, 0);
	t.same(house.logged, []);
	t.notOk(house.watching);
});
