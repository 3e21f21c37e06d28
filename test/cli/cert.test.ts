import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { chmodSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { main } from '../../src/cli/main.ts';
import { makeAuthority } from '../../src/control/tls/authority.ts';
import { certificateAuthority } from '../support/certificates.ts';

const DAY_MS = 86_400_000;

async function cert(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
	let [stdout, stderr] = ['', ''];
	const code = await main(['cert', ...args], {
		out: (line) => {
			stdout += `${line}\n`;
		},
		err: (line) => {
			stderr += `${line}\n`;
		},
	});
	return { code, stdout, stderr };
}

/** A folder that is not there yet. */
const newFolder = (t: Test): string => join(t.testdir(), 'made', 'certs');

const read = (folder: string, name: string): string => readFileSync(join(folder, name), 'utf8');
const parsed = (folder: string, name: string): X509Certificate => new X509Certificate(read(folder, name));
const modeOf = (folder: string, name: string): number => statSync(join(folder, name)).mode & 0o777;

t.test('the first certificate of a folder makes its authority, the next ones use it', async (t) => {
	const folder = newFolder(t);
	const first = await cert('A.example', '127.0.0.1', '--out', folder);
	t.match(first, { code: 0, stderr: '' });
	t.same(readdirSync(folder).toSorted(), ['a.example.key', 'a.example.pem', 'ca.key', 'ca.pem']);
	for (const name of ['ca.key', 'a.example.key']) t.equal(modeOf(folder, name), 0o600, name);
	for (const name of readdirSync(folder)) t.match(first.stdout, join(folder, name));
	t.match(first.stdout, /a new authority/);
	t.match(first.stdout, `tls: { mode: terminate, certificates: [{ cert: ${join(folder, 'a.example.pem')}, key: `);
	t.match(first.stdout, '-servername a.example');
	const ca = parsed(folder, 'ca.pem');
	const second = await cert('*.b.example', '--out', folder, '--days', '3');
	t.match(second.stdout, /the authority that was there/);
	t.equal(parsed(folder, 'ca.pem').fingerprint256, ca.fingerprint256);
	const wildcard = parsed(folder, '_wildcard.b.example.pem');
	t.ok(wildcard.verify(ca.publicKey));
	t.ok(Math.abs(wildcard.validToDate.getTime() - Date.now() - 3 * DAY_MS) < 60_000);
});

t.test('a certificate for a client stands beside that of a server of the same name', async (t) => {
	const folder = newFolder(t);
	await cert('ca', '--out', folder);
	const { code, stdout } = await cert('ca', '::1', '--client', '--out', folder);
	t.equal(code, 0);
	t.match(stdout, `clientAuth: { ca: ${join(folder, 'ca.pem')} }`);
	t.same(readdirSync(folder).toSorted(), [
		'_ca-client.key',
		'_ca-client.pem',
		'_ca.key',
		'_ca.pem',
		'ca.key',
		'ca.pem',
	]);
	t.equal(parsed(folder, '_ca-client.pem').subjectAltName, 'DNS:ca, IP Address:0:0:0:0:0:0:0:1');
	t.match((await cert('::1', '--out', folder)).stdout, /--1\.pem/);
});

t.test('asked again, a certificate is replaced', async (t) => {
	const folder = newFolder(t);
	await cert('a.example', '--out', folder);
	const before = read(folder, 'a.example.pem');
	chmodSync(join(folder, 'a.example.key'), 0o644);
	writeFileSync(join(folder, 'a.example.key.new'), 'left by somebody');
	t.equal((await cert('a.example', '--out', folder)).code, 0);
	t.not(read(folder, 'a.example.pem'), before);
	t.equal(modeOf(folder, 'a.example.key'), 0o600);
	t.notOk(readdirSync(folder).includes('a.example.key.new'));
});

t.test('what somebody else made is never overwritten', async (t) => {
	const other = certificateAuthority(t).issue(['a.example']);
	const alien: Readonly<Record<string, [file: string, text: string]>> = {
		'a certificate of another authority': ['a.example.pem', other.cert],
		'no certificate at all': ['a.example.pem', 'hello'],
		'a key alone': ['a.example.key', other.key],
	};
	for (const [what, [name, text]] of Object.entries(alien)) {
		for (const withAuthority of [true, false]) {
			const folder = t.testdir({});
			if (withAuthority) await cert('x', '--out', folder);
			writeFileSync(join(folder, name), text);
			const files = readdirSync(folder);
			const { code, stderr } = await cert('a.example', '--out', folder);
			t.equal(code, 1, what);
			const message = `${join(folder, name)} is there already, and not from this authority: take another folder\n`;
			t.equal(stderr, message, what);
			t.equal(read(folder, name), text, what);
			t.same(readdirSync(folder), files, 'nothing was written');
		}
	}
});

t.test('an authority that cannot be used is told with what to do', async (t) => {
	const expired = await makeAuthority(new Date('2020-01-01'), new Date('2021-01-01'));
	const rsa = certificateAuthority(t, 'RSA', 'rsa');
	const leaf = certificateAuthority(t).issue(['x.example']);
	const table: [what: string, files: Record<string, string>, message: RegExp][] = [
		['a key alone', { 'ca.key': expired.key }, /ca\.pem is not there, but .*ca\.key is: bring it back, or remove/],
		['no key', { 'ca.pem': expired.certificate }, /ca\.key is not there, but .*ca\.pem is/],
		['expired', { 'ca.pem': expired.certificate, 'ca.key': expired.key }, /ca\.pem: the authority has expired: take/],
		['RSA', { 'ca.pem': rsa.cert, 'ca.key': rsa.key }, /ca\.pem: it was not made by sluice cert/],
		['no authority', { 'ca.pem': leaf.cert, 'ca.key': leaf.key }, /ca\.pem: it is no authority whose key is beside/],
		['another key', { 'ca.pem': expired.certificate, 'ca.key': leaf.key }, /ca\.pem: it is no authority whose key/],
		['garbage', { 'ca.pem': 'hello', 'ca.key': leaf.key }, /ca\.pem: it or its key cannot be read: take another/],
	];
	for (const [what, files, message] of table) {
		const folder = t.testdir(files);
		const { code, stderr } = await cert('a.example', '--out', folder);
		t.equal(code, 1, what);
		t.match(stderr, message, what);
		t.notMatch(stderr, /BEGIN/);
		t.same(readdirSync(folder).toSorted(), Object.keys(files).toSorted(), what);
	}
});

t.test('a certificate does not outlive its authority', async (t) => {
	const end = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 5 * DAY_MS);
	const { certificate, key } = await makeAuthority(new Date(), end);
	const folder = t.testdir({ 'ca.pem': certificate, 'ca.key': key });
	t.match((await cert('a.example', '--out', folder)).stdout, `until ${end.toISOString().slice(0, 10)}`);
	t.same(parsed(folder, 'a.example.pem').validToDate, end);
});

t.test('no other command loads the library that makes certificates', async (t) => {
	const main = new URL('../../src/cli/main.ts', import.meta.url).href;
	const script = `await import('${main}'); process.stdout.write(typeof Reflect.getMetadata);`;
	t.equal(execFileSync(process.execPath, ['--input-type=module', '--eval', script]).toString(), 'undefined');
	t.type(Reflect.get(Reflect, 'getMetadata'), 'function', 'it would show');
});

t.test('wrong usage and a folder that cannot be written are told', async (t) => {
	const file = join(t.testdir({ file: '' }), 'file');
	for (const [args, words] of [
		[[], /missing required argument 'name'/],
		[['bad..name'], /'bad\.\.name' is invalid .*neither a host name nor an IP address/],
		[['*'], /neither a host name nor an IP address/],
		[['a', '--days', '0'], /It is not a number from 1 to 3650/],
		[['a', '--days', '1.5'], /It is not a number from 1 to 3650/],
		[['a', '--out', join(file, 'x')], /cannot write .*x\/ca\.pem: no such file/],
	] as const) {
		const { code, stderr, stdout } = await cert(...args);
		t.match({ code, stderr, stdout }, { code: 1, stderr: words, stdout: '' }, args.join(' '));
	}
	rmSync(file);
});
