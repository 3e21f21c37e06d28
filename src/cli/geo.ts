import { type Command, InvalidArgumentError } from 'commander';
import { GeoDatabases } from '../control/geo/databases.ts';
import { readGeoOption } from '../control/geo/source.ts';
import type { IpAddress } from '../core/address.ts';
import { formatAddress, parseAddress } from '../policy/address.ts';
import { type CommandContext, columns } from './terminal.ts';

interface GeoOptions {
	readonly json?: boolean;
	readonly database?: string;
}

export function addGeo(program: Command, { terminal }: CommandContext): void {
	program
		.command('geo')
		.summary('Look up the country of IP addresses.')
		.description('Look up the country of IP addresses in the embedded database, or in a file.')
		.argument('<ip...>', 'IPv4 or IPv6 addresses', collectAddress)
		.option('--database <file>', 'a country or city database in the MaxMind DB format (.mmdb)')
		.option('--json', 'print JSON')
		.addHelpText(
			'after',
			'\nExample:\n  sluice geo 198.51.100.7 2001:db8::1 --json\n  sluice geo 198.51.100.7 --database GeoLite2-Country.mmdb\n\nA dash (null in JSON) means that the country is unknown.',
		)
		.action(async (addresses: readonly IpAddress[], { json, database }: GeoOptions) => {
			const geo = new GeoDatabases().open(await readGeoOption(database));
			const found = addresses.map((address) => ({ ip: formatAddress(address), country: geo.country(address) }));
			if (json === true) terminal.out(JSON.stringify(found, null, 2));
			else for (const line of columns(found.map(({ ip, country }) => [ip, country ?? '-']))) terminal.out(line);
		});
}

/** For options and arguments that may be given several times. */
export function collectAddress(text: string, before: readonly IpAddress[] = []): readonly IpAddress[] {
	const address = parseAddress(text);
	if (address === null) throw new InvalidArgumentError('It is not an IP address.');
	return [...before, address];
}
