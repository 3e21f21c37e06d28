import * as z from 'zod';
import { ROLES } from '../admin/terms.ts';
import { about, listenAddress, section } from './fields.ts';
import { path, secret } from './fields-secrets.ts';

const token = section({
	role: z
		.enum(ROLES)
		.meta(
			about(
				'What it lets its bearer do: `read`, `write` (and read), or `tap` (read and nothing more, so far).',
				'write',
			),
		),
	token: secret().meta(about('The token, never written here itself.', 'env:SLUICE_TOKEN')),
});

const tls = section({
	cert: path().meta(about("The server's certificate with its chain, PEM.", 'admin.pem')),
	key: path().meta(about('Its key, PEM.', 'admin.key')),
});

export const admin = section({
	bind: listenAddress()
		.prefault('127.0.0.1:9900')
		.meta(
			about(
				'Where it listens: IP and port, or `unix:/path` (mode 0600; who may open it may do all).',
				'unix:/run/sluice.sock',
			),
		),
	tokens: z
		.array(token)
		.max(64)
		.default([])
		.meta(
			about(
				'Who may do what, by `Authorization: Bearer TOKEN`. Without a token loopback may read, and others nothing.',
				[{ role: 'write', token: 'env:SLUICE_TOKEN' }],
			),
		),
	tls: tls
		.optional()
		.meta(about('HTTPS. Required, with a token, off loopback.', { cert: 'admin.pem', key: 'admin.key' }, 'HTTP')),
});
