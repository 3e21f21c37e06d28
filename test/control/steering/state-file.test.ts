import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type Test, test } from 'tap';
import { RuntimeChanges } from '../../../src/control/steering/changes.ts';
import { type Disk, StateFile } from '../../../src/control/steering/state-file.ts';

const AUTHOR = { by: 'a test', time: '2026-01-01T00:00:00.000Z' };

function changesWith(weight: number): RuntimeChanges {
	const changes = new RuntimeChanges();
	changes.setWeight('eu', 'a', weight, AUTHOR);
	return changes;
}

/** The real disk, which notes what is done to it and fails at one step. */
function disk(failing: string | null = null): { readonly disk: Disk; readonly done: string[] } {
	const done: string[] = [];
	const step = (what: string): void => {
		if (what === failing) throw Object.assign(new Error(what), { code: 'EIO' });
		done.push(what);
	};
	return {
		done,
		disk: {
			open: async (path, flags, mode) => {
				const file = await open(path, flags, mode);
				const name = basename(path).replace(/^state-.*/, 'folder');
				return {
					writeFile: async (text) => {
						step(`write ${name}`);
						await file.writeFile(text);
					},
					sync: async () => {
						step(`sync ${name}`);
						await file.sync();
					},
					close: () => file.close(),
				};
			},
			rename: async (from, to) => {
				step(`rename ${basename(from)} ${basename(to)}`);
				await rename(from, to);
			},
			rm,
		},
	};
}

function fileOf(t: Test): string {
	const folder = mkdtempSync(join(tmpdir(), 'state-'));
	t.teardown(() => rmSync(folder, { recursive: true }));
	return join(folder, 's');
}

const STEPS = ['write s.new', 'sync s.new', 'rename s.new s', 'sync folder'];

test('what is new is on the disk before it takes its place, and its name is before the change is told', async (t) => {
	const { disk: noted, done } = disk();
	await new StateFile(fileOf(t), noted).write(changesWith(5));
	t.same(done, STEPS);
});

test('whatever step a machine stops at, the file is the old one or the new one', async (t) => {
	for (const [at, failing] of STEPS.entries()) {
		const path = fileOf(t);
		await new StateFile(path).write(changesWith(1));
		const writing = new StateFile(path, disk(failing).disk).write(changesWith(2));
		if (failing === 'sync folder') await writing;
		else await t.rejects(writing, { code: 'refused', message: /nothing was changed/ });
		t.equal(readFileSync(path, 'utf8'), changesWith(at < 3 ? 1 : 2).text, failing);
		t.same(new StateFile(path).read().list(), changesWith(at < 3 ? 1 : 2).list(), 'it can be read');
	}
});
