import { test } from 'tap';
import { markup } from '../bench/support/terminal-picture.ts';

test('what a terminal shows is marked up with its looks, and is no markup itself', async (t) => {
	const cases: readonly [text: string, html: string][] = [
		['a <b> & c', '<span style="">a &lt;b&gt; &amp; c</span>'],
		['\u001b[1;32mup\u001b[0m!', '<span style="font-weight:bold;color:#56d084">up</span><span style="">!</span>'],
		[
			'\u001b[1m\u001b[31ma\u001b[39mb\u001b[22mc',
			'<span style="font-weight:bold;color:#ff8a80">a</span><span style="font-weight:bold">b</span><span style="">c</span>',
		],
		['\u001b[38m\u001b[mx', '<span style="">x</span>'],
	];
	for (const [text, html] of cases) t.equal(markup(text), html);
});
