import {
	chmodSync,
	copyFileSync,
	readFileSync,
	renameSync,
	rmSync,
	truncateSync,
	utimesSync,
	writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { parseConfigObject, parseConfigText } from '../../../src/control/config/load.ts';
import type { Config } from '../../../src/control/config/schema.ts';
import { GeoKeeper, LOOK_MS } from '../../../src/control/geo/keeper.ts';
import { openMmdb } from '../../../src/control/geo/mmdb.ts';
import type { MmdbFile } from '../../../src/control/geo/mmdb-file.ts';
import type { GeoSource } from '../../../src/control/geo/source.ts';
import { ConfigError } from '../../../src/core/errors.ts';
import type { LogEvent } from '../../../src/core/record.ts';
import { parseAddress } from '../../../src/policy/address.ts';
import { inCountry, makeMmdbs } from '../../support/mmdb.ts';

const made = t.testdir();
const [GERMAN, FRENCH, LARGE] = [join(made, 'de.mmdb'), join(made, 'fr.mmdb'), join(made, 'large.mmdb')];
makeMmdbs(
	{ path: GERMAN, built: '2026-10-01T00:00:00Z', networks: [['10.0.0.0/8', inCountry('DE')]] },
	{ path: FRENCH, built: '2026-11-01T00:00:00Z', type: 'Other-Country', networks: [['10.0.0.0/8', inCountry('FR')]] },
	{
		path: LARGE,
		networks: Array.from({ length: 100 }, (_, i) => [`10.${i}.0.0/16`, inCountry('IT', { note: `${i}`.repeat(99) })]),
	},
);

const configOf = (database: string): Config =>
	parseConfigObject({
		geo: { database },
		listeners: [{ name: 'game', bind: '127.0.0.1:0', routes: [{ to: ['main'] }] }],
		pools: [{ name: 'main', backends: [{ address: '127.0.0.1:9' }] }],
	});

let kepts = 0;

/** A keeper of one file, whose looks happen when the test says so. */
class Kept {
	readonly path: string;
	readonly logged: LogEvent[] = [];
	readonly changes: MmdbFile[] = [];
	readonly keeper: GeoKeeper;
	private tick: (() => void) | null = null;
	private snapshot = 0;

	constructor(t: Test) {
		kepts += 1;
		this.path = join(made, `geo-${kepts}.mmdb`);
		copyFileSync(GERMAN, this.path);
		const log =
			(level: 'info' | 'error') =>
			(msg: string, fields: LogEvent['fields'] = {}) =>
				void this.logged.push({ level, msg, fields });
		this.keeper = new GeoKeeper({
			log: { info: log('info'), error: log('error') },
			every: (ms, run) => {
				t.equal(ms, LOOK_MS);
				this.tick = run;
				return () => {
					this.tick = null;
				};
			},
			changed: (next) => this.changes.push(next),
		});
	}

	async start(): Promise<GeoSource> {
		return this.apply(await this.keeper.prepare(configOf(this.path)));
	}

	apply(source: GeoSource): GeoSource {
		this.snapshot += 1;
		this.keeper.use(this.snapshot, source);
		this.keeper.adopt(source, this.snapshot);
		if (this.snapshot > 1) this.keeper.gone(this.snapshot - 1);
		return source;
	}

	get watching(): boolean {
		return this.tick !== null;
	}

	/** One look, and all it leads to: ends when a look that begins after it has ended. */
	async look(): Promise<void> {
		this.tick?.();
		await this.keeper.rested();
	}

	/** Two looks, and what changed between them is put in force, as the application does. */
	async settle(): Promise<void> {
		await this.look();
		await this.look();
		const next = this.changes.pop();
		if (next !== undefined) this.apply(next);
	}

	/** The country of 10.1.1.1 by what is in force. */
	country(): string | null {
		return countryBy(this.keeper.current);
	}

	memory(): SharedArrayBuffer {
		const { current } = this.keeper;
		if (current === 'embedded') throw new Error('no file is in force');
		return current.database.bytes.buffer;
	}
}

function countryBy(source: GeoSource): string | null {
	const address = parseAddress('10.1.1.1');
	if (source === 'embedded' || address === null) throw new Error('not a file');
	return openMmdb(source.database.bytes).country(address);
}

const replace = (from: string, to: string): void => {
	copyFileSync(from, `${to}.new`);
	renameSync(`${to}.new`, to);
};

t.test('what is read at the start is told', async (t) => {
	const kept = new Kept(t);
	await kept.start();
	t.equal(kept.country(), 'DE');
	t.strictSame(kept.logged, [
		{
			level: 'info',
			msg: 'geo database',
			fields: {
				file: kept.path,
				type: 'Test-Country',
				built: '2026-10-01T00:00:00.000Z',
				bytes: readFileSync(GERMAN).length,
				snapshot: 1,
			},
		},
	]);
});

t.test('a file that is replaced is read once, when it has settled, and what changed is told', async (t) => {
	const kept = new Kept(t);
	await kept.start();
	await kept.look();
	t.strictSame(kept.changes, [], 'it has not changed');
	replace(FRENCH, kept.path);
	await kept.look();
	t.strictSame(kept.changes, [], 'it may still be changing');
	await kept.settle();
	t.equal(kept.country(), 'FR');
	t.strictSame(kept.logged.slice(1), [
		{
			level: 'info',
			msg: 'geo database reread',
			fields: {
				file: kept.path,
				type: 'Other-Country',
				built: '2026-11-01T00:00:00.000Z',
				bytes: readFileSync(FRENCH).length,
				snapshot: 2,
				typeBefore: 'Test-Country',
				builtBefore: '2026-10-01T00:00:00.000Z',
				bytesBefore: readFileSync(GERMAN).length,
			},
		},
	]);
	await kept.settle();
	await kept.settle();
	t.equal(kept.logged.length, 2, 'once');
});

t.test('a change that keeps size and time of writing is seen', async (t) => {
	const kept = new Kept(t);
	await kept.start();
	const bytes = readFileSync(kept.path);
	bytes.write('FR', bytes.indexOf('BDE') + 1, 'latin1');
	writeFileSync(`${kept.path}.new`, bytes);
	const then = new Date(1_700_000_000_000);
	for (const path of [kept.path, `${kept.path}.new`]) utimesSync(path, then, then);
	renameSync(`${kept.path}.new`, kept.path);
	await kept.settle();
	t.equal(kept.country(), 'FR');
});

const HALF = 'it is not a MaxMind DB file, or not a whole one: the metadata at its end is missing';

t.test(
	'what cannot be used leaves the old one in force, is told once, and is tried again when it changes',
	async (t) => {
		const spoil: Readonly<Record<string, readonly [(path: string) => void, string]>> = {
			'half of it': [(path) => truncateSync(path, 400), HALF],
			empty: [(path) => truncateSync(path, 0), 'it is empty'],
			garbage: [(path) => writeFileSync(path, 'x'.repeat(5_000)), HALF],
			missing: [(path) => rmSync(path), 'no such file'],
		};
		for (const [name, [ruin, reason]] of Object.entries(spoil)) {
			const kept = new Kept(t);
			await kept.start();
			ruin(kept.path);
			for (let i = 0; i < 3; i++) await kept.settle();
			t.strictSame(
				kept.logged.slice(1),
				[
					{
						level: 'error',
						msg: 'geo database not reread',
						fields: { file: kept.path, reason, kept: '2026-10-01T00:00:00.000Z' },
					},
				],
				name,
			);
			t.equal(kept.country(), 'DE', name);
			copyFileSync(FRENCH, kept.path);
			await kept.settle();
			t.equal(kept.country(), 'FR', name);
		}
	},
);

t.test('a file that is written slowly is read when it is whole, without a word before', async (t) => {
	const kept = new Kept(t);
	await kept.start();
	const bytes = readFileSync(LARGE);
	for (let end = 100; end < bytes.length; end += 2_000) {
		writeFileSync(kept.path, bytes.subarray(0, end));
		await kept.look();
	}
	writeFileSync(kept.path, bytes);
	await kept.settle();
	t.equal(kept.country(), 'IT');
	t.strictSame(
		kept.logged.map(({ msg }) => msg),
		['geo database', 'geo database reread'],
	);
});

t.test('readings take turns in two pieces of memory, and one that a live snapshot has is left alone', async (t) => {
	const kept = new Kept(t);
	await kept.start();
	const memories = [kept.memory()];
	for (const file of [FRENCH, GERMAN, FRENCH, GERMAN]) {
		replace(file, kept.path);
		await kept.settle();
		memories.push(kept.memory());
	}
	t.equal(new Set(memories).size, 2);
	const lasting = kept.keeper.current;
	kept.keeper.use(1_000, lasting);
	for (const file of [FRENCH, GERMAN, FRENCH]) {
		replace(file, kept.path);
		await kept.settle();
		t.not(kept.memory(), memories.at(-1));
	}
	t.equal(countryBy(lasting), 'DE', 'what the old snapshot reads is whole');
	t.equal(kept.country(), 'FR');
});

t.test('another file, and the embedded data, by a reload', async (t) => {
	const kept = new Kept(t);
	const first = await kept.start();
	t.equal(await kept.keeper.prepare(configOf(kept.path)), first, 'the same file is not read again');
	kept.apply(await kept.keeper.prepare(configOf(FRENCH)));
	t.equal(kept.country(), 'FR');
	t.match(kept.logged.at(-1), { msg: 'geo database', fields: { file: FRENCH } });
	kept.apply(await kept.keeper.prepare(configOf('embedded')));
	t.strictSame(kept.logged.at(-1), {
		level: 'info',
		msg: 'geo database',
		fields: { database: 'embedded', snapshot: 3 },
	});
	t.notOk(kept.watching);
	kept.apply(await kept.keeper.prepare(configOf(kept.path)));
	t.ok(kept.watching);
	kept.keeper.stop();
	t.notOk(kept.watching);
});

t.test('nothing is put in force after the end', async (t) => {
	const kept = new Kept(t);
	await kept.start();
	replace(FRENCH, kept.path);
	await kept.look();
	const last = kept.look();
	kept.keeper.stop();
	await last;
	t.strictSame(kept.changes, []);
	t.equal(kept.logged.length, 1);
});

t.test('a database that cannot be used is told at the place of its key', async (t) => {
	const folder = t.testdir({ 'a.mmdb': '', folder: { 'b.mmdb': {} } });
	const text = (database: string) => `geo:\n  database: ${database}\nlisteners:
  - { name: game, bind: 127.0.0.1:7000, routes: [{ to: [main] }] }\npools:
  - { name: main, backends: [{ address: 10.1.0.1:7000 }] }\n`;
	const { keeper } = new Kept(t);
	for (const [database, reason] of [
		['a.mmdb', 'it is empty'],
		['folder/b.mmdb', 'it is a directory'],
		['missing.mmdb', 'no such file'],
		['a.mmdb/x.mmdb', 'no such file'],
	] as const) {
		const config = parseConfigText(text(database), { file: join(folder, 'sluice.yaml') });
		const message = `${join(folder, 'sluice.yaml')}:2:13: geo.database: cannot use ${join(folder, database)}: ${reason}`;
		await t.rejects(keeper.prepare(config), { name: 'ConfigError', message, exitCode: 1 });
	}
	const object = configOf(join(folder, 'missing.mmdb'));
	await t.rejects(
		keeper.prepare(object),
		new ConfigError([
			{
				file: 'configuration',
				line: 0,
				column: 0,
				path: 'geo.database',
				message: `cannot use ${join(folder, 'missing.mmdb')}: no such file`,
			},
		]),
	);
	if (process.getuid?.() !== 0) {
		chmodSync(join(folder, 'a.mmdb'), 0);
		await t.rejects(keeper.prepare(configOf(join(folder, 'a.mmdb'))), /permission denied/);
	}
});
