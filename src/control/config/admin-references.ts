import { isLoopback } from '../admin/access.ts';
import { record, text, type Written } from './written.ts';
import type { Finding } from './yaml-document.ts';

/** Off loopback whoever asks must be known, and nobody on the way may listen. */
export function checkAdmin(root: Written): Finding[] {
	if (root.admin === undefined) return [];
	const admin = record(root.admin);
	const bind = text(admin.bind) ?? '127.0.0.1:9900';
	if (bind.startsWith('unix:')) return [];
	const host = bind.slice(0, bind.lastIndexOf(':')).replace(/^\[|\]$/g, '');
	if (isLoopback(host)) return [];
	const path = ['admin', 'bind'];
	const findings: Finding[] = [];
	if (admin.tls === undefined) findings.push({ path, message: `${bind} is not loopback: admin.tls is required there` });
	if (!Array.isArray(admin.tokens) || admin.tokens.length === 0)
		findings.push({ path, message: `${bind} is not loopback: admin.tokens is required there` });
	return findings;
}
