import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { FileWatch } from '../../src/control/file-watch.ts';
import { stampOf } from '../../src/control/regular-file.ts';

/** A watch that looks when told to. */
function watching(stamp?: (path: string) => Promise<string>) {
	let changes = 0;
	let tick: (() => void) | null = null;
	let looked: Promise<unknown> = Promise.resolve();
	const watch = new FileWatch({
		changed: () => {
			changes += 1;
		},
		every: (_ms, run) => {
			tick = run;
			return () => {
				tick = null;
			};
		},
		stamp: (path) => {
			const stamped = (stamp ?? stampOf)(path);
			looked = stamped.catch(() => {});
			return stamped;
		},
	});
	const look = async (times = 1): Promise<number> => {
		for (let time = 0; time < times; time++) {
			tick?.();
			await looked;
			await new Promise((resolve) => setImmediate(resolve));
		}
		return changes;
	};
	return { watch, look, running: () => tick !== null };
}

function folder(t: Test): string {
	const path = mkdtempSync(join(tmpdir(), 'watch-'));
	t.teardown(() => rmSync(path, { recursive: true }));
	return path;
}

test('a change is told once, when the file has been left alone', async (t) => {
	let stamp = 'a';
	const { watch, look } = watching(async () => stamp);
	watch.follow('file');
	t.equal(await look(3), 0, 'what it is at first is no change');
	stamp = 'b';
	t.equal(await look(), 0, 'it may still be being written');
	stamp = 'c';
	t.equal(await look(), 0);
	t.equal(await look(), 1);
	t.equal(await look(3), 1);
	stamp = 'd';
	await look();
	stamp = 'c';
	t.equal(await look(2), 1, 'what is as it was told is no change');
});

test('a change between the reading and the first look is one', async (t) => {
	const { watch, look } = watching(async () => 'b');
	watch.follow('file', 'a');
	t.equal(await look(2), 1);
});

test('another file is begun anew, and none is looked at when there is none', async (t) => {
	const { watch, look, running } = watching(async (path) => path);
	watch.follow('a');
	await look(2);
	watch.follow('b');
	t.equal(await look(3), 0);
	watch.stop();
	t.notOk(running());
});

test('written in place, replaced whole, gone and back: each is seen', async (t) => {
	const path = join(folder(t), 'sluice.yaml');
	writeFileSync(path, 'one');
	const { watch, look } = watching();
	watch.follow(path);
	await look();
	writeFileSync(path, 'two, longer');
	t.equal(await look(2), 1);
	writeFileSync(`${path}.new`, 'three');
	renameSync(`${path}.new`, path);
	t.equal(await look(2), 2);
	rmSync(path);
	t.equal(await look(2), 3, 'the reload is refused, and says why');
	writeFileSync(path, 'four');
	t.equal(await look(2), 4);
});

test('a symlink that leads elsewhere is a change, as Kubernetes swaps its mounts', async (t) => {
	const root = folder(t);
	for (const version of ['v1', 'v2']) {
		mkdirSync(join(root, version));
		writeFileSync(join(root, version, 'sluice.yaml'), 'the same text');
	}
	symlinkSync('v1', join(root, '..data'));
	symlinkSync('..data/sluice.yaml', join(root, 'sluice.yaml'));
	const { watch, look } = watching();
	watch.follow(join(root, 'sluice.yaml'));
	await look(2);
	symlinkSync('v2', join(root, '..data_tmp'));
	renameSync(join(root, '..data_tmp'), join(root, '..data'));
	t.equal(await look(2), 1);
});
