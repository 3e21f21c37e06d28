import tap, { test } from 'tap';
import { inPage, openPage, openStage, startBalancer } from './support/dashboard.ts';

const stage = await openStage(tap);

test('its policy lets nothing in that is written in a page, and no address outside', async (t) => {
	const app = await startBalancer(t, stage);
	const { page, faults } = await openPage(t, stage, app);
	const answer = await fetch(`http://${app.adminAddress}/`);
	const policy = answer.headers.get('content-security-policy') ?? '';
	t.notMatch(policy, /unsafe|https?:|\*|data:/);
	await inPage(
		page,
		`(() => {
			window.ran = [];
			const script = document.createElement('script');
			try { script.textContent = 'ran.push("script")'; } catch { ran.push('refused'); }
			document.body.append(script);
			document.body.setAttribute('style', 'opacity: 0.5');
		})()`,
	);
	const outside = await inPage<string>(page, "fetch('http://192.0.2.1/').then(() => 'asked', () => 'refused')");
	t.equal(outside, 'refused');
	t.strictSame(await inPage(page, 'ran'), ['refused']);
	t.equal(await inPage(page, 'getComputedStyle(document.body).opacity'), '1');
	t.ok(
		faults.every((fault) => /Content Security Policy|TrustedScript|Trusted Type/.test(fault)),
		faults.join('\n'),
	);
});
