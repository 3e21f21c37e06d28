import { isIP } from 'node:net';
import { type Command, InvalidArgumentError } from 'commander';
import { parseServerName } from '../control/config/fields-tls.ts';
import type { Delivered } from '../control/tls/authority-folder.ts';
import { type CommandContext, columns } from './terminal.ts';

interface CertOptions {
	readonly out: string;
	readonly days: number;
	readonly client?: boolean;
}

const DEFAULT_DAYS = 365;
const MAX_DAYS = 3_650;

const AFTER = `
Example:
  sluice cert localhost 127.0.0.1
  sluice cert a.example "*.a.example" --out certs --days 30
  sluice cert sensor-1.devices.example --client

The first certificate of a folder makes its authority, too (ca.pem, ca.key); those that follow come from the same one, so
that clients need to trust one file. For development only: whoever has ca.key can be any server for who trusts ca.pem.`;

export function addCert(program: Command, { terminal }: CommandContext): void {
	program
		.command('cert')
		.description('Make a certificate from a development authority of your own.')
		.argument(
			'<name...>',
			'host names and IP addresses that the certificate is good for; its files have the first one',
			collectName,
		)
		.option('--out <dir>', 'where files are written; the authority there, if any, is used again', 'certs')
		.option('--days <number>', 'how long it is good for', parseDays, DEFAULT_DAYS)
		.option('--client', 'for a client that shows who it is, not for a server')
		.addHelpText('after', AFTER)
		.action(async (names: readonly string[], { out: folder, days, client = false }: CertOptions) => {
			// Only here: no other command needs the library behind it.
			const { deliverCertificate } = await import('../control/tls/authority-folder.ts');
			const delivered = await deliverCertificate({ folder, names, client, days, nowMs: Date.now() });
			for (const line of [...told(delivered, names), '', ...usage(delivered, names[0] ?? '', client)])
				terminal.out(line);
		});
}

function collectName(text: string, before: readonly string[] = []): readonly string[] {
	if (isIP(text) !== 0) return [...before, text];
	const wildcard = text.startsWith('*.');
	const name = parseServerName(wildcard ? text.slice(2) : text);
	if (!name.ok) throw new InvalidArgumentError('It is neither a host name nor an IP address.');
	return [...before, `${wildcard ? '*.' : ''}${name.value}`];
}

function parseDays(text: string): number {
	const days = Number(text);
	if (/^\d+$/.test(text) && days >= 1 && days <= MAX_DAYS) return days;
	throw new InvalidArgumentError(`It is not a number from 1 to ${MAX_DAYS}.`);
}

function told(
	{ certificate, key, authority, isNewAuthority, notAfter }: Delivered,
	names: readonly string[],
): string[] {
	const ca = isNewAuthority ? 'a new authority' : 'the authority that was there';
	return columns([
		[authority.certificate, `${ca}: who connects trusts this file`],
		[authority.key, 'its key: keep it to yourself'],
		[certificate, `the certificate, for ${names.join(', ')}, until ${notAfter.toISOString().slice(0, 10)}`],
		[key, 'its key'],
	]);
}

function usage({ certificate, key, authority }: Delivered, name: string, client: boolean): string[] {
	if (client) {
		return [
			'A listener asks for it, beside mode and certificates of its tls:',
			`  clientAuth: { ca: ${authority.certificate} }`,
			'Try it:',
			`  openssl s_client -connect 127.0.0.1:7000 -cert ${certificate} -key ${key} -CAfile ${authority.certificate}`,
		];
	}
	const asked = isIP(name) === 0 ? ` -servername ${name.replace('*', 'any')}` : '';
	return [
		'A listener serves it:',
		`  tls: { mode: terminate, certificates: [{ cert: ${certificate}, key: ${key} }] }`,
		'Try it:',
		`  openssl s_client -connect 127.0.0.1:7000${asked} -CAfile ${authority.certificate}`,
	];
}
