import t from 'tap';
import { showBytes } from '../../../src/control/probe/wording.ts';

t.test('bytes are shown in quotes, escaped, on one line and shortened', (t) => {
	const cases: [bytes: string, shown: string][] = [
		['', '""'],
		['+PONG\r\n', String.raw`"+PONG\r\n"`],
		['a\tb"c\\', String.raw`"a\tb\"c\\"`],
		['\x00\x1b[2J\x7f\xff', String.raw`"\x00\x1b[2J\x7f\xff"`],
		['a'.repeat(60), `"${'a'.repeat(60)}"`],
		['a'.repeat(61), `"${'a'.repeat(60)}..."`],
		[`${'a'.repeat(58)}\x00\x01`, `"${'a'.repeat(58)}..."`],
	];
	for (const [bytes, shown] of cases) t.equal(showBytes(Buffer.from(bytes, 'latin1')), shown);
	t.end();
});

t.test('four bytes in a row of what was sent are left out, wherever they stand', (t) => {
	const cases: [bytes: string, sent: string[], shown: string][] = [
		['no hunter22 here', ['AUTH hunter22\r\n'], '"no*** here"'],
		['"hunter22"', ['AUTH hunter22'], String.raw`"\"***\""`],
		['hunt', ['AUTH hunter22'], '"***"'],
		['hun', ['AUTH hunter22'], '"hun"'],
		['r22 hunter22', ['AUTH hunter22'], '"r22***"'],
		['hunter22hunter22', ['hunter22'], '"******"'],
		['hunter22 open sesame', ['hunter22', 'sesame'], '"*** open ***"'],
		[`${'a'.repeat(58)}hunter22`, ['hunter22'], `"${'a'.repeat(58)}..."`],
		['a password', ['abc'], '"a password"'],
	];
	for (const [bytes, sent, shown] of cases) t.equal(showBytes(Buffer.from(bytes, 'latin1'), sent), shown);
	t.end();
});
