import t from 'tap';
import { Gathering } from '../../../src/engine/epoll/gathering.ts';
import { SO_RCVLOWAT, SOL_SOCKET } from '../../../src/engine/epoll/layouts.ts';
import { libc, tcpPair } from '../../support/native-tools.ts';

const MIB = 1_048_576;

t.test('a source is heard of by the packet until it has sent long, and again after a pause', async (t) => {
	const { a } = tcpPair(t);
	const wakesAt = (): number => libc.getOption(a, SOL_SOCKET, SO_RCVLOWAT);
	const gathering = new Gathering(libc, a);
	for (const [bytes, looks, bytesToWake] of [
		[15 * MIB, false, 1],
		[MIB, true, MIB],
		[1, true, MIB],
		[0, false, 1],
		[15 * MIB, false, 1],
		[0, false, 1],
		[15 * MIB, false, 1],
		[MIB, true, MIB],
	] as const) {
		t.equal(gathering.ranDry(bytes), looks, `${bytes} bytes`);
		t.equal(wakesAt(), bytesToWake);
	}
	gathering.end();
	t.equal(wakesAt(), 1);
});

t.test('a socket that cannot be asked for it is heard of by the packet', async (t) => {
	const gathering = new Gathering(libc, -1);
	t.equal(gathering.ranDry(100 * MIB), false);
});
